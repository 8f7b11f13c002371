"""Depth keeps REP 118, and masks become one image of labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes.robot import header

from uio2_ros.messages.pictures import (
    MOST_MASKS,
    depth_message,
    image_message,
    label_image,
    label_info,
    picture_message,
)
from uio2_ros.robot.answer import Picture

pytestmark = pytest.mark.ros

HEADER = header(7, "camera")
UNKNOWN = np.array([[0, -1, np.nan, np.inf]], np.float32)


def values(message, dtype: str) -> np.ndarray:
    return np.frombuffer(message.data, dtype).reshape(message.height, message.width)


def test_unknown_depth_is_nan_in_metres_and_zero_in_millimetres() -> None:
    in_metres = picture_message(Picture("depth", UNKNOWN), HEADER)
    assert (in_metres.encoding, in_metres.step, in_metres.header) == ("32FC1", 16, HEADER)
    assert np.isnan(values(in_metres, "<f4")).all()
    in_millimetres = depth_message(UNKNOWN, HEADER, millimetres=True)
    assert (in_millimetres.encoding, in_millimetres.step) == ("16UC1", 8)
    assert not values(in_millimetres, "<u2").any()


@given(st.lists(st.floats(2**-9, 70, width=32), min_size=1, max_size=20))
def test_depth_survives_to_half_a_millimetre(metres: list[float]) -> None:
    depth = np.array([metres], np.float32)
    np.testing.assert_array_equal(values(depth_message(depth, HEADER), "<f4"), depth)
    read = values(depth_message(depth, HEADER, millimetres=True), "<u2") / 1000
    near = depth < 65.5
    np.testing.assert_allclose(read[near], depth[near], atol=5.1e-4)
    assert not read[depth > 65.536].any()


def test_masks_are_labels_and_the_better_one_is_on_top() -> None:
    left = Picture("mask", np.array([[255, 255, 0, 0]], np.uint8), "cup", 0.9)
    middle = Picture("mask", np.array([[0, 255, 255, 0]], np.uint8), "tray", 0.5)
    assert label_image([left, middle]).tolist() == [[1, 1, 2, 0]]
    info = label_info([left, middle], HEADER)
    classes = [(entry.class_id, entry.class_name) for entry in info.class_map]
    assert classes == [(0, "background"), (1, "cup"), (2, "tray")]
    assert (info.header, info.threshold) == (HEADER, 0.5)


def test_masks_that_are_no_image_of_labels_are_refused() -> None:
    small, large = (Picture("mask", np.zeros((1, n), np.uint8)) for n in (2, 3))
    for masks in ([], [small, large], [small] * (MOST_MASKS + 1)):
        with pytest.raises(ValueError, match=r"expected 1 to 254 of one"):
            label_image(masks)
    assert label_image([small] * MOST_MASKS).tolist() == [[0, 0]]


def test_normals_and_pictures_have_their_encodings() -> None:
    normals = np.zeros((2, 3, 3), np.float32)
    normals[..., 2] = -1
    message = picture_message(Picture("normals", normals), HEADER)
    assert (message.encoding, message.step, message.height) == ("32FC3", 36, 2)
    assert np.frombuffer(message.data, "<f4")[2] == -1
    made = picture_message(Picture("generated", np.zeros((2, 3, 3), np.uint8)), HEADER)
    assert (made.encoding, made.step) == ("rgb8", 9)


def test_pixels_that_are_not_contiguous_arrive_whole() -> None:
    whole = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert bytes(image_message(whole[:, ::2], HEADER).data) == whole[:, ::2].tobytes()
