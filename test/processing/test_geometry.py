"""Pixels to the model's canvas and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.processing import ImageInfo, Tokenizer
from uio2_ros.processing.geometry import checked_region, letterbox, to_canvas, to_pixels
from uio2_ros.robot.errors import InvalidInputError

CANVAS = (384, 384)
sides = st.integers(1, 4000)
fractions = st.floats(0, 1, width=32)


def test_golden_location_tokens_become_pixels(
    tokenizer: Tokenizer, golden: Callable[[str], Any]
) -> None:
    for case in golden("tasks.json")["location_tokens"]:
        values = [[tokenizer.location_value(token) for token in box] for box in case["tokens"]]
        boxes = to_pixels(values, letterbox(*case["shape"], CANVAS), CANVAS)
        np.testing.assert_allclose(boxes, case["boxes_yxyx"], atol=1e-9)


def test_a_landscape_picture_is_padded_above_and_below() -> None:
    info = letterbox(480, 640, CANVAS)
    assert info.scaled_shape == (288, 384)
    assert info.corner == (48, 0)


@pytest.mark.parametrize(("side", "scaled"), [(147, 384), (37, 383), (764, 383)])
def test_scaled_sizes_are_cut_in_float32(side: int, scaled: int) -> None:
    assert int(side * (384 / side)) != scaled  # what float64 gives
    assert letterbox(side, side, CANVAS).scaled_shape == (scaled, scaled)


@settings(deadline=None)
@given(sides, sides)
def test_the_picture_fits_its_canvas(height: int, width: int) -> None:
    info = letterbox(height, width, CANVAS)
    scaled, corner = np.array(info.scaled_shape), np.array(info.corner)
    assert (scaled >= 1).all()
    assert (corner >= 0).all()
    assert (corner + scaled <= CANVAS).all()
    assert scaled.max() >= 383


@settings(deadline=None)
@given(sides, sides, fractions, fractions)
def test_pixels_survive_a_round_trip(height: int, width: int, y: float, x: float) -> None:
    info = letterbox(height, width, CANVAS)
    pixel = np.array([y * height, x * width])
    returned = to_pixels(to_canvas(pixel, info, CANVAS), info, CANVAS)
    np.testing.assert_allclose(returned, pixel, atol=1e-3 + 1e-5 * max(height, width))


@settings(deadline=None)
@given(sides, sides, fractions, fractions)
def test_padding_is_clipped_to_the_picture(height: int, width: int, y: float, x: float) -> None:
    pixel_y, pixel_x = to_pixels([y, x], letterbox(height, width, CANVAS), CANVAS)
    assert 0 <= pixel_y <= height
    assert 0 <= pixel_x <= width


def test_an_oblong_canvas_scales_its_sides_apart() -> None:
    info = letterbox(100, 400, (200, 400))
    np.testing.assert_allclose(to_canvas([50, 100], info, (200, 400)), [0.5, 0.25])
    np.testing.assert_allclose(to_pixels([0.5, 0.25], info, (200, 400)), [50, 100])


def test_the_crop_of_training_is_undone() -> None:
    cropped = ImageInfo(0, 0, 0.5, 300, 300, 0.0, 0.0, 60, 20, 600, 600)
    np.testing.assert_allclose(to_pixels([0, 0], cropped, CANVAS), [30, 10])


def test_the_record_survives_a_round_trip() -> None:
    info = letterbox(480, 640, CANVAS)
    assert ImageInfo.from_array(info.to_array()) == info


def test_a_record_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="11 numbers"):
        ImageInfo.from_array(np.zeros(4, np.float32))


def test_a_region_partly_outside_is_cut_to_the_picture() -> None:
    assert checked_region([-5, 10, 700, 90], 480, 640) == (10, 0, 90, 640)


@pytest.mark.parametrize(
    ("region", "why"),
    [
        ([300, 50, 100, 200], "inverted"),
        ([100, 200, 300, 50], "inverted"),
        ([100, 50, 100, 200], "empty"),
        ([640, 0, 700, 10], "outside"),
        ([0, -20, 10, 0], "outside"),
        ([0, 0, float("nan"), 10], "finite"),
        ([0, 0, 10], "four"),
    ],
)
def test_an_impossible_region_is_refused(region: list[float], why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        checked_region(region, 480, 640)
