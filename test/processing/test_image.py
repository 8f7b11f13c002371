"""Pictures to patches and targets, against the golden numbers and with bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from synthetic_inputs import image

from uio2_ros.processing import ProcessingConfig
from uio2_ros.processing.geometry import letterbox
from uio2_ros.processing.image import dense_target, picture_input, picture_target, read_picture
from uio2_ros.robot.errors import InvalidInputError

SHAPES = [(480, 640), (1080, 1920), (150, 200), (301, 97), (384, 384)]


@pytest.mark.parametrize("seed", range(len(SHAPES)), ids=str)
def test_golden_pictures(
    seed: int,
    settings: ProcessingConfig,
    golden: Callable[[str], Any],
    rng: np.random.Generator,
) -> None:
    height, width = SHAPES[seed]
    arrays, shape = golden("image_preprocess.npz"), f"{height}x{width}"
    patches, info = picture_input(image(height, width, seed), settings.image, rng)
    np.testing.assert_allclose(patches.patches[::29], arrays[f"patches_{shape}"], atol=1e-4)
    np.testing.assert_array_equal(patches.mask, arrays[f"mask_{shape}"])
    np.testing.assert_allclose(info.to_array(), arrays[f"info_{shape}"], atol=1e-6)

    past, _ = picture_input(image(height, width, seed + 10), settings.image_history, rng)
    np.testing.assert_allclose(past.patches[::17], arrays[f"history_patches_{shape}"], atol=1e-4)
    np.testing.assert_array_equal(past.mask, arrays[f"history_mask_{shape}"][0])

    target, mask = picture_target(image(height, width, seed), settings.image_target_size)
    np.testing.assert_allclose(target[::8, ::8], arrays[f"target_{shape}"], atol=1e-4)
    np.testing.assert_array_equal(mask[::8, ::8], arrays[f"target_mask_{shape}"])


def test_a_picture_of_one_pixel_fills_the_canvas(
    settings: ProcessingConfig, rng: np.random.Generator
) -> None:
    patches, info = picture_input(np.full((1, 1, 3), 255, np.uint8), settings.image, rng)
    assert patches.mask.all()
    assert info.scaled_shape == (384, 384)
    assert np.ptp(patches.patches[:, 0]) < 1e-5


def test_a_line_of_pixels_keeps_one_row(
    settings: ProcessingConfig, rng: np.random.Generator
) -> None:
    _, info = picture_input(np.zeros((1, 2000, 3), np.uint8), settings.image, rng)
    assert info.scaled_shape == (1, 384)


def test_read_only_and_reversed_views_are_taken(
    settings: ProcessingConfig, rng: np.random.Generator
) -> None:
    pixels = image(60, 80)
    expected, _ = picture_input(pixels, settings.image, rng)
    view = np.ascontiguousarray(pixels[..., ::-1])[..., ::-1]
    view.flags.writeable = False
    taken, _ = picture_input(view, settings.image, rng)
    np.testing.assert_allclose(taken.patches, expected.patches, atol=1e-6)


def test_a_dense_target_lies_where_its_picture_lies(settings: ProcessingConfig) -> None:
    info = letterbox(480, 640, settings.image.size)
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[:240] = 255
    target, mask = dense_target(pixels, info, settings.image.size, settings.image_target_size)
    assert target.shape == (256, 256, 3)
    rows = np.flatnonzero(mask[:, 0])
    assert (rows[0], rows[-1]) == (32, 223)
    assert set(np.unique(target)) == {0, 1}
    np.testing.assert_array_equal(np.flatnonzero(target[:, 100, 0]), range(32, 128))


def test_a_dense_target_of_another_resolution_is_stretched(settings: ProcessingConfig) -> None:
    info = letterbox(480, 640, settings.image.size)
    fine, coarse = (np.zeros((480 // n, 640 // n, 3), np.uint8) for n in (1, 4))
    fine[:, 320:] = coarse[:, 80:] = 255
    fitted = [
        dense_target(pixels, info, settings.image.size, settings.image_target_size)[0]
        for pixels in (fine, coarse)
    ]
    np.testing.assert_array_equal(*fitted)


def test_a_dense_target_of_another_shape_is_refused(settings: ProcessingConfig) -> None:
    info = letterbox(480, 640, settings.image.size)
    with pytest.raises(InvalidInputError, match="aspect ratio"):
        dense_target(image(480, 480), info, settings.image.size, settings.image_target_size)


def test_a_picture_file_is_read_as_rgb(tmp_path: Path) -> None:
    pixels = image(30, 40)
    path = tmp_path / "picture.png"
    assert cv2.imwrite(str(path), pixels[..., ::-1])
    np.testing.assert_array_equal(read_picture(path), pixels)
    np.testing.assert_array_equal(read_picture(str(path)), pixels)


def test_a_missing_picture_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"nowhere\.png: No such file"):
        read_picture(tmp_path / "nowhere.png")


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="not a picture"):
        read_picture(path)


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.zeros((4, 4, 0), np.uint8), r"\(4, 4, 0\)"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((4, 0, 3), np.uint8), "no pixels"),
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.full((4, 4, 3), 300.0), "uint8 .0 to 255., got float64"),
        (np.zeros((4, 4, 3), np.bool_), "uint8 .0 to 255., got bool"),
        (np.full((4, 4, 3), None), "uint8 .0 to 255., got object"),
        (np.zeros((4, 4, 3), np.int16), "uint8 .0 to 255., got int16"),
        ([[0, 0, 0]], "list"),
    ],
)
def test_what_is_no_rgb_picture_is_refused(pixels: Any, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        read_picture(pixels)
