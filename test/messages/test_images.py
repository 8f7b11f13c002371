"""Every encoding of the design becomes RGB, and everything that is not a picture is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.messages import images
from uio2_ros.messages.images import (
    DEPTH_RANGE_M,
    ENCODINGS,
    image_to_rgb,
    metres_of,
    pixels_of,
)
from uio2_ros.robot.errors import InvalidInputError

RGB = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)
PHOTO = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 3
)


def message(
    encoding: str, values: npt.NDArray[Any], *, padding: int = 0, big_endian: bool = False
) -> SimpleNamespace:
    """A sensor_msgs/Image of (H, W) or (H, W, C) values, with bytes of junk at each row's end."""
    height, width = values.shape[:2]
    ordered = values.astype(values.dtype.newbyteorder(">" if big_endian else "<"))
    rows = np.frombuffer(ordered.tobytes(), np.uint8).reshape(height, -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(big_endian),
        step=padded.shape[1],
        data=padded.tobytes(),
    )


def with_alpha(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([values, np.full_like(values[..., :1], 128)], axis=2)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "values"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("8UC3", RGB[..., ::-1]),
        ("rgba8", with_alpha(RGB)),
        ("bgra8", with_alpha(RGB[..., ::-1])),
        ("8UC4", with_alpha(RGB[..., ::-1])),
        ("rgb16", RGB.astype(np.uint16) * 257),
        ("bgr16", RGB[..., ::-1].astype(np.uint16) * 257),
        ("rgba16", with_alpha(RGB.astype(np.uint16) * 257)),
    ],
)
def test_colour_survives_order_alpha_depth_and_padding(
    encoding: str, values: npt.NDArray[Any], padding: int
) -> None:
    np.testing.assert_array_equal(image_to_rgb(message(encoding, values, padding=padding)), RGB)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_gray_becomes_three_equal_channels(encoding: str) -> None:
    gray = np.array([[0, 100], [200, 255]], np.uint8)
    converted = image_to_rgb(message(encoding, gray, padding=3))
    np.testing.assert_array_equal(converted, np.stack([gray] * 3, axis=2))


@pytest.mark.parametrize("big_endian", [False, True])
def test_sixteen_bits_of_gray_are_scaled_not_cut(big_endian: bool) -> None:
    gray = np.array([[0, 65535, 32768, 257]], np.uint16)
    converted = image_to_rgb(message("mono16", gray, padding=2, big_endian=big_endian))
    np.testing.assert_array_equal(converted[0, :, 0], [0, 255, 128, 1])


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(("encoding", "unit"), [("16UC1", 1000), ("32FC1", 1.0)])
def test_near_is_black_and_far_is_white(encoding: str, unit: float, big_endian: bool) -> None:
    metres = np.array([[0.001, DEPTH_RANGE_M / 2, DEPTH_RANGE_M, 2 * DEPTH_RANGE_M]])
    dtype = np.uint16 if encoding == "16UC1" else np.float32
    depth = (metres * unit).astype(dtype)
    converted = image_to_rgb(message(encoding, depth, big_endian=big_endian))
    np.testing.assert_array_equal(converted[0, :, 0], [0, 128, 255, 255])


def test_a_pixel_without_a_measurement_is_black_and_one_beyond_all_range_white() -> None:
    depth = np.array([[np.nan, -np.inf, 0.0, -1.0, np.inf]], np.float32)
    assert image_to_rgb(message("32FC1", depth))[0, :, 0].tolist() == [0, 0, 0, 0, 255]


@pytest.mark.parametrize(
    ("encoding", "order"),
    [("yuv422", "UYVY"), ("uyvy", "UYVY"), ("yuv422_yuy2", "YUYV"), ("yuyv", "YUYV")],
)
def test_yuv_pairs_share_their_colour(encoding: str, order: str) -> None:
    red = {"Y": 81, "U": 90, "V": 240}  # ITU-R BT.601
    values = np.array([[red[letter] for letter in order]], np.uint8).reshape(1, 2, 2)
    converted = image_to_rgb(message(encoding, values)).astype(int)
    assert np.abs(converted - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_patterns_give_their_colour(pattern: str, bits: int) -> None:
    colour = {"r": 200, "g": 100, "b": 50}
    cell = np.array([colour[letter] for letter in pattern]).reshape(2, 2)
    mosaic = np.tile(cell, (4, 4)).astype(f"u{bits // 8}") * (257 if bits == 16 else 1)
    converted = image_to_rgb(message(f"bayer_{pattern}{bits}", mosaic, padding=4))
    np.testing.assert_array_equal(converted[4, 4], [200, 100, 50])


@pytest.mark.parametrize("encoding", sorted(set(ENCODINGS) - {"uyvy", "yuyv", "32fc3"}))
def test_a_single_pixel_is_a_picture_or_a_clear_refusal(encoding: str) -> None:
    size = ENCODINGS[encoding].pixel_bytes
    one = SimpleNamespace(
        height=1, width=1, encoding=encoding, is_bigendian=0, step=size, data=bytes(size)
    )
    if encoding.startswith(("bayer", "yuv")):
        with pytest.raises(InvalidInputError, match=r"2 x 2|even"):
            image_to_rgb(one)
    else:
        assert image_to_rgb(one).shape == (1, 1, 3)


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    padding=st.integers(0, 9),
    name=st.sampled_from(["rgb8", "bgr8"]),
)
@settings(max_examples=50, deadline=None)
def test_padding_never_shows(height: int, width: int, padding: int, name: str) -> None:
    pixels = np.random.default_rng(height * 31 + width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    shown = image_to_rgb(message(name, pixels, padding=padding))
    np.testing.assert_array_equal(shown, pixels if name == "rgb8" else pixels[..., ::-1])


def test_the_last_row_needs_no_padding() -> None:
    """Some drivers cut it off."""
    padded = message("rgb8", RGB, padding=6)
    padded.data = padded.data[:-6]
    np.testing.assert_array_equal(image_to_rgb(padded), RGB)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"encoding": "rgb9"}, "'rgb9' is unknown; expected one of"),
        ({"width": 0}, "0 x 2 pixels; expected at least 1 x 1"),
        ({"height": 0}, "2 x 0 pixels"),
        ({"step": 5}, "step is 5 bytes; 2 pixels of rgb8 need at least 6"),
        ({"data": bytes(11)}, "truncated: 11 bytes, but 2 x 2 .* with step 6 need 12"),
        ({"data": b""}, "truncated: 0 bytes"),
        ({"height": 2**31}, "truncated"),
    ],
)
def test_what_is_no_picture_is_named(changes: dict[str, Any], text: str) -> None:
    broken = message("rgb8", RGB)
    vars(broken).update(changes)
    with pytest.raises(InvalidInputError, match=text):
        image_to_rgb(broken)


def planar(encoding: str, *planes: npt.NDArray[np.uint8], padding: int = 0) -> SimpleNamespace:
    """An Image of several planes, each (rows, width)."""
    rows = np.concatenate([np.pad(plane, ((0, 0), (0, padding))) for plane in planes])
    height, width = planes[0].shape
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=width + padding,
        data=rows.tobytes(),
    )


def yuv_planes(order: str, *, subsampled: bool) -> tuple[npt.NDArray[np.uint8], ...]:
    """Luma and interleaved chroma of the photo, constant in every square of 2 x 2 pixels."""
    height, width = PHOTO.shape[:2]
    flat = cv2.cvtColor(PHOTO, cv2.COLOR_RGB2YUV_I420)
    quarter = height * width // 4
    chroma = flat[height:].reshape(-1)
    u, v = (
        chroma[start : start + quarter].reshape(height // 2, width // 2) for start in (0, quarter)
    )
    if not subsampled:
        u, v = (np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in (u, v))
    pair = np.stack([u, v] if order == "uv" else [v, u], axis=-1)
    return flat[:height], pair.reshape(-1, width)


@pytest.mark.parametrize("padding", [0, 16])
@pytest.mark.parametrize(
    ("encoding", "order", "subsampled"),
    [("nv12", "uv", True), ("nv21", "vu", True), ("nv24", "uv", False)],
)
def test_planes_of_luma_and_chroma_become_colour(
    encoding: str, order: str, subsampled: bool, padding: int
) -> None:
    raw = planar(encoding, *yuv_planes(order, subsampled=subsampled), padding=padding)
    difference = image_to_rgb(raw).astype(int) - PHOTO
    assert np.abs(difference).mean() < 8
    raw.data = raw.data[: len(raw.data) // 2]
    with pytest.raises(InvalidInputError, match="truncated"):
        image_to_rgb(raw)


def test_nv24_has_the_colours_of_nv12() -> None:
    coarse = image_to_rgb(planar("nv12", *yuv_planes("uv", subsampled=True))).astype(int)
    fine = image_to_rgb(planar("nv24", *yuv_planes("uv", subsampled=False)))
    assert np.abs(fine - coarse).max() <= 1


def test_an_odd_size_of_halved_chroma_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="even sizes"):
        image_to_rgb(planar("nv12", np.zeros((3, 4), np.uint8), np.zeros((2, 4), np.uint8)))


def test_pixels_come_as_they_are() -> None:
    normals = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    np.testing.assert_array_equal(pixels_of(message("32FC3", normals, padding=4)), normals)
    gray = np.array([[1, 2]], np.uint16)
    np.testing.assert_array_equal(pixels_of(message("mono16", gray, big_endian=True)), gray)


def test_depth_is_metres_in_both_encodings() -> None:
    metres = np.array([[0.5, 2.0]], np.float32)
    np.testing.assert_array_equal(metres_of(message("32FC1", metres)), metres)
    whole = message("16UC1", np.array([[500, 2000]], np.uint16), big_endian=True)
    np.testing.assert_allclose(metres_of(whole), metres)
    with pytest.raises(InvalidInputError, match="depth is 'rgb8'; expected 16UC1 or 32FC1"):
        metres_of(message("rgb8", RGB))


def test_what_is_missing_here_is_asked_of_a_cv_bridge_that_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = message("16SC1", np.array([[500]], np.int16))
    with pytest.raises(InvalidInputError, match="'16SC1' is unknown; expected one of rgb8"):
        image_to_rgb(odd)
    monkeypatch.setattr(images, "installed_cv_bridge", lambda: lambda _: RGB)
    np.testing.assert_array_equal(image_to_rgb(odd), RGB)
    np.testing.assert_array_equal(image_to_rgb(message("mono8", RGB[..., 0]))[..., 0], RGB[..., 0])


@pytest.mark.parametrize(
    "encoding",
    ["bgr8", "rgba8", "bgra8", "mono8", "mono16", "bayer_rggb8", "bayer_gbrg8", "yuv422"],
)
def test_cv_bridge_agrees(encoding: str) -> None:
    """Where one is installed that works beside this numpy and OpenCV."""
    cv_bridge = pytest.importorskip("cv_bridge", exc_type=ImportError)
    from sensor_msgs.msg import Image

    form = ENCODINGS[encoding]
    values = np.random.default_rng(1).integers(0, 256, (8, 8 * form.pixel_bytes), dtype=np.uint8)
    raw = Image(
        height=8, width=8, encoding=encoding, step=8 * form.pixel_bytes, data=values.tobytes()
    )
    expected = cv_bridge.CvBridge().imgmsg_to_cv2(raw, "rgb8")
    np.testing.assert_array_equal(image_to_rgb(raw), expected)
