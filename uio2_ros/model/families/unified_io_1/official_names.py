"""The names and layouts of the network's tensors in the released files, which flax wrote.

`official_name` turns the name that reads best into the path in a file.
"""

from __future__ import annotations

import re
from functools import cache

from uio2_ros.model.t5x import TensorLayout

RENAMES: tuple[tuple[str, str], ...] = (
    (r"/layers/(\d+)/", r"/layers_\1/"),
    (r"/cross_attention/", "/encoder_decoder_attention/"),
    (r"/pre_(\w+)_norm/", r"/pre_\1_layer_norm/"),
    (r"^encoder/text_norm/", "encoder/txt_emb_pre_ln/"),
    (r"^encoder/image_norm/", "encoder/img_emb_pre_ln/"),
    (r"/position_norm/", "/pe_pre_ln/"),
    (r"^decoder/input_norm/", "decoder/pre_ln/"),
    (r"^decoder/segment_embedding/", "decoder/segments_embedding/"),
    (r"^encoder/absolute_bias/(q|k)\w+/", r"encoder/position_\1_linear/"),
    (r"^decoder/absolute_bias/(q|k)\w+/", r"decoder/self_position_\1_linear/"),
    (r"/relative_bias/", "/relpos_bias/"),
    (r"/quantize/embedding/weight$", "/quantize/embedding"),
    (r"(embedder|embedding)/weight$", r"\1/embedding"),
    (r"(^discrete_vae/.*/norm\w*)/weight$", r"\1/scale"),
    (r"/weight$", "/kernel"),
)
"""Applied in order to a tensor's name, whose parts were joined with `/`."""

UNUSED = re.compile(r"decoder/cross_position_[qk]_linear/kernel")
"""Arrays that files hold and that the network never read, not in training either."""


@cache
def official_name(name: str) -> str:
    """The path in a file, such as `encoder/layers_0/mlp/wo/kernel`, of the tensor `name`."""
    path = name.replace(".", "/")
    for pattern, replacement in RENAMES:
        path = re.sub(pattern, replacement, path)
    return path


def layout(path: str, dimensions: int) -> TensorLayout:
    """How the array at a path lies in its tensor."""
    if not path.endswith("/kernel"):
        return TensorLayout.SAME
    return TensorLayout.TRANSPOSED if dimensions == 2 else TensorLayout.CONVOLUTION
