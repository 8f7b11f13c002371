"""Pictures on the canvas of Unified-IO 1 and back, against the numbers of its original code."""

from __future__ import annotations

import json

import numpy as np
import pytest
from synthetic_inputs import image
from uio1_inputs import GOLDEN

from uio2_ros.processing.unified_io_1.pictures import (
    fit,
    normalized,
    scaled_shape,
    to_patches,
    to_picture,
    without_region,
)

SHAPES = [(480, 640), (1080, 1920), (150, 200), (301, 97), (147, 100), (384, 384), (40, 900)]
STD = np.array((0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def pinned() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "image_preprocess.npz") as file:
        return dict(file)


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_inputs_and_targets_are_the_originals(pinned: dict[str, np.ndarray], number: int) -> None:
    shape = SHAPES[number]
    key = "{}x{}".format(*shape)
    canvas, mask = fit(image(*shape, number), 384)
    patches, patch_mask = to_patches(normalized(canvas), mask, 16)
    assert patches.shape == (576, 768)
    assert np.array_equal(patch_mask, pinned[f"mask_{key}"])
    blank = without_region(mask, tuple(pinned[f"region_{key}"]), shape)
    assert np.array_equal(blank[::16, ::16].reshape(-1), pinned[f"region_mask_{key}"])
    target, target_mask = fit(image(*shape, number), 256)
    assert np.array_equal(target_mask[::16, ::16].reshape(-1), pinned[f"target_mask_{key}"])
    if shape != (384, 384):  # which the original takes as floats only
        difference = np.abs(normalized(canvas)[::16, ::16] - pinned[f"input_{key}"])
        assert (difference * STD).max() < 1e-4
        assert np.abs((2 * target - 1)[::8, ::8] - pinned[f"target_{key}"]).max() < 5e-4


def test_patches_run_along_rows(pinned: dict[str, np.ndarray]) -> None:
    canvas, mask = fit(image(480, 640, 0), 384)
    patches, _ = to_patches(normalized(canvas), mask, 16)
    assert np.abs(patches[::96, ::7] - pinned["patch_5_rows"]).max() < 1e-4


def test_sizes_are_truncated_as_in_training() -> None:
    sizes = json.loads((GOLDEN / "image_sizes.json").read_text())
    for key, expected in sizes["scaled_height_width"].items():
        shape, side = key.split("_")
        height, width = map(int, shape.split("x"))
        assert list(scaled_shape(height, width, int(side))) == expected
    for side, short in sizes["longer_side_one_short"].items():
        found = [n for n in range(1, 4097) if scaled_shape(n, n, int(side))[0] < int(side)]
        assert found == short


def test_dense_outputs_go_back_where_the_picture_was() -> None:
    dense = (image(256, 256, 9) / 255).astype(np.float32)
    with np.load(GOLDEN / "dense_undo.npz") as pinned:
        for key in pinned.files:
            kind, shape = key.split("_")
            height, width = map(int, shape.split("x"))
            placed = to_picture(dense, (height, width), nearest=kind == "nearest")
            assert placed.shape == (height, width, 3)
            assert np.abs(placed[::16, ::16] - pinned[key]).max() < 1e-5
