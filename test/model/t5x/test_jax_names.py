"""Every array of the original network has its tensor, and lies in it the right way round."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from model.t5x.conftest import GOLDEN, Names

from uio2_ros.model import UnifiedIO, synthetic_tensor
from uio2_ros.model.families.unified_io_2.jax_names import layout, official_name
from uio2_ros.model.t5x import TensorLayout

TRANSFORMS = {
    "same": TensorLayout.SAME,
    "T": TensorLayout.TRANSPOSED,
    "conv": TensorLayout.CONVOLUTION,
    "convT": TensorLayout.TRANSPOSED_CONVOLUTION,
}


@pytest.mark.parametrize("size", ["micro", "large", "xxl"])
def test_names_and_layouts_are_those_of_the_authors_modules(
    names: Callable[[str], Names], size: str
) -> None:
    for path, (name, transform, array, tensor) in names(size).items():
        assert official_name(path) == name
        assert layout(path, len(array)) is TRANSFORMS[transform], path
        assert layout(path, len(array)).tensor_shape(array) == tensor


@pytest.mark.parametrize("medium", ["image", "audio"])
def test_a_vit_that_only_histories_use_is_the_same_tensor(medium: str) -> None:
    rest = "vision_transformer/embedding/kernel"
    first = official_name(f"input_{medium}_encoder/image_encoder/{rest}")
    assert official_name(f"input_encoders_{medium}_history/vit_image_encoder/{rest}") == first


def test_tensors_seen_as_arrays_have_the_bytes_of_the_jax_network(
    names: Callable[[str], Names],
) -> None:
    pinned = json.loads((GOLDEN / "tiny_jax_crc32.json").read_text())
    transforms = {name: TRANSFORMS[transform] for name, transform, _, _ in names("large").values()}
    checked = 0
    for name, shape in UnifiedIO.from_config("tiny").official_shapes().items():
        if name in transforms:  # layers that large has, too: all kinds are among them
            tensor = synthetic_tensor(name, shape).numpy()
            array = np.ascontiguousarray(transforms[name].array_view(tensor), "<f4")
            assert zlib.crc32(array.tobytes()) == pinned[name], name
            checked += 1
    assert checked > 500
