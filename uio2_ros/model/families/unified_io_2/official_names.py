"""The names of the released checkpoints for the tensors of this package.

The modules carry the names that read best; `RENAMES`, applied in order, turns the name of a tensor
into its official one.
"""

from __future__ import annotations

import re
from functools import cache

RENAMES: tuple[tuple[str, str], ...] = (
    (r"\.layers\.(\d+)\.", r".layers_\1."),
    (r"\.resampler\.", ".resampler.perceiver."),
    (r"\.vit\.blocks\.(\d+)\.attn\.(query|key|value)\.", r".vit.blocks.\1.attn.\2_in_proj_"),
    (r"\.vit\.blocks\.", ".vit.transformer.resblocks."),
    (r"\.vit\.", ".image_encoder.vision_transformer."),
)


@cache
def official_name(name: str) -> str:
    """The official name of the tensor that this package calls `name`."""
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return name
