"""Depth maps, normals and masks put back on the picture they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from synthetic_inputs import image

from uio2_ros.processing import Processor
from uio2_ros.processing.geometry import letterbox
from uio2_ros.processing.image import to_picture

CANVAS = (384, 384)
SHAPES = [(480, 640), (1080, 1920), (150, 200), (301, 97), (384, 384)]


@pytest.fixture(scope="module")
def gray() -> Any:
    return (image(256, 256, 9) / np.float32(255)).mean(-1)


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_a_mask_returns_to_the_picture_as_in_the_released_code(
    golden: Any, gray: Any, height: int, width: int
) -> None:
    placed = to_picture(gray, letterbox(height, width, CANVAS), nearest=True)
    assert placed.shape == (height, width)
    expected = golden("dense_undo.npz")[f"undo_{height}x{width}"]
    np.testing.assert_allclose(placed[::16, ::16], expected, atol=1e-4)


def test_bilinear_is_smooth_and_close_to_nearest(gray: Any) -> None:
    info = letterbox(480, 640, CANVAS)
    smooth, blocky = to_picture(gray, info), to_picture(gray, info, nearest=True)
    assert smooth.shape == blocky.shape == (480, 640)
    assert abs(smooth - blocky).mean() < 0.05
    assert abs(np.diff(smooth, axis=1)).max() < abs(np.diff(blocky, axis=1)).max()


@pytest.mark.parametrize("nearest", [False, True])
def test_channels_and_bytes_are_kept_apart(processor: Processor, nearest: bool) -> None:
    example = processor("depth", image(90, 160))
    assert example.image_info is not None
    flat = np.zeros((256, 256, 3), np.uint8)
    flat[...] = (0, 51, 255)
    placed = processor.to_picture(flat, example.image_info, nearest=nearest)
    assert placed.shape == (90, 160, 3)
    np.testing.assert_allclose(placed.reshape(-1, 3), [(0, 0.2, 1)] * (90 * 160), atol=1e-6)


@pytest.mark.parametrize("shape", [(256,), (256, 128), (256, 128, 3), (1, 256, 256, 3)])
def test_what_is_no_square_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be \\(S, S\\) or \\(S, S, channels\\)"):
        to_picture(np.zeros(shape, np.float32), letterbox(90, 160, CANVAS))


def test_a_cropped_picture_is_refused(gray: Any) -> None:
    info = letterbox(90, 160, CANVAS).to_array()
    info[7] = 3.0
    with pytest.raises(ValueError, match="randomly cropped"):
        to_picture(gray, letterbox(90, 160, CANVAS).from_array(info))
