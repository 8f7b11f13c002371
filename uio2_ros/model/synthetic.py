"""Deterministic weights that are computed from tensor names: no download, nothing learned.

They exercise every path of the network with values of trained magnitude, for tests and for trying
out everything around the model before trained weights are chosen.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

Shape = tuple[int, ...]
Matcher = Callable[[str, Shape], bool]

# offset and scale of the first rule that matches; all else is scaled by 1 / sqrt(fan-in)
_RULES: tuple[tuple[Matcher, float, float], ...] = (
    (lambda name, _: name.endswith("logit_scale"), math.log(10.0), 0.1),
    (lambda name, shape: _is_gain(name, shape), 1.0, 0.1),
    (lambda name, _: "quantize.embedding" in name, 0.0, 1.0),
    (lambda name, _: "_token_embedder." in name, 0.0, 0.5),
    (lambda name, shape: len(shape) == 1 or "positional_embedding" in name, 0.0, 0.1),
    (lambda name, _: name.endswith("latents"), 0.0, 1.0),
)


def synthetic_tensor(name: str, shape: Shape) -> Tensor:
    """The float32 value of the tensor with official name `name`: normal noise seeded by it."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    noise = generator.standard_normal(shape).astype(np.float32)
    for matches, offset, scale in _RULES:
        if matches(name, shape):
            return torch.from_numpy(np.float32(offset) + np.float32(scale) * noise)
    return torch.from_numpy(noise * np.float32(1.0 / math.sqrt(_fan_in(name, shape))))


def synthetic_state_dict(shapes: Mapping[str, Shape]) -> dict[str, Tensor]:
    """`synthetic_tensor` for every official name and shape."""
    return {name: synthetic_tensor(name, shape) for name, shape in shapes.items()}


def _is_gain(name: str, shape: Shape) -> bool:
    leaf = name.rpartition(".")[2]
    return leaf == "scale" or (leaf == "weight" and len(shape) == 1)


def _fan_in(name: str, shape: Shape) -> int:
    return shape[0] if "conv_transpose" in name else math.prod(shape[1:])
