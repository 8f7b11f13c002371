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

from uio2_ros.messages.images import (
    DEPTH_RANGE_M,
    ENCODINGS,
    compressed_to_rgb,
    image_to_rgb,
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
def test_near_is_white_and_far_is_black(encoding: str, unit: float, big_endian: bool) -> None:
    metres = np.array([[0.001, DEPTH_RANGE_M / 2, DEPTH_RANGE_M, 2 * DEPTH_RANGE_M]])
    dtype = np.uint16 if encoding == "16UC1" else np.float32
    depth = (metres * unit).astype(dtype)
    converted = image_to_rgb(message(encoding, depth, big_endian=big_endian))
    np.testing.assert_array_equal(converted[0, :, 0], [255, 128, 0, 0])


def test_a_pixel_without_a_measurement_is_black() -> None:
    depth = np.array([[np.nan, np.inf, -np.inf, 0.0, -1.0]], np.float32)
    assert not image_to_rgb(message("32FC1", depth)).any()


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


@pytest.mark.parametrize("encoding", sorted(set(ENCODINGS) - {"uyvy", "yuyv"}))
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


def compressed(text: str, data: bytes) -> SimpleNamespace:
    return SimpleNamespace(format=text, data=data)


def encoded(suffix: str, values: npt.NDArray[Any]) -> bytes:
    _, data = cv2.imencode(suffix, values)
    return data.tobytes()


@pytest.mark.parametrize("text", ["png", "bgr8; png compressed bgr8", "rgb8; png compressed bgr8"])
def test_png_is_exact(text: str) -> None:
    data = encoded(".png", RGB[..., ::-1])
    np.testing.assert_array_equal(compressed_to_rgb(compressed(text, data)), RGB)


@pytest.mark.parametrize("text", ["jpeg", "jpg", "rgb8; jpeg compressed bgr8", "bgr8; jpeg"])
def test_jpeg_is_close(text: str) -> None:
    data = encoded(".jpg", PHOTO[..., ::-1])
    difference = compressed_to_rgb(compressed(text, data)).astype(int) - PHOTO
    assert np.abs(difference).mean() < 3


def test_a_file_written_in_rgb_order_is_not_swapped() -> None:
    data = encoded(".png", RGB)
    shown = compressed_to_rgb(compressed("rgb8; png compressed rgb8", data))
    np.testing.assert_array_equal(shown, RGB)


def test_compressed_gray_and_depth() -> None:
    gray = np.array([[0, 255]], np.uint8)
    shown = compressed_to_rgb(compressed("mono8; png compressed mono8", encoded(".png", gray)))
    np.testing.assert_array_equal(shown[0, :, 1], [0, 255])
    depth = np.array([[5000, 0]], np.uint16)
    shown = compressed_to_rgb(compressed("16UC1; png compressed ", encoded(".png", depth)))
    np.testing.assert_array_equal(shown[0, :, 1], [128, 0])


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_file_cut_short_is_refused(suffix: str, kept: int) -> None:
    cut = encoded(suffix, PHOTO)[:kept]
    codec = {".jpg": "jpeg", ".png": "png"}[suffix]
    with pytest.raises(InvalidInputError, match=f"truncated or no {codec}"):
        compressed_to_rgb(compressed(codec, cut))


def test_damage_inside_a_png_is_refused() -> None:
    data = bytearray(encoded(".png", PHOTO))
    data[8:30] = bytes(22)
    with pytest.raises(InvalidInputError, match=r"not the png they|cannot be decoded"):
        compressed_to_rgb(compressed("png", bytes(data)))


@pytest.mark.parametrize("text", ["", "h264", "16UC1; compressedDepth png", "tiff"])
def test_other_formats_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="expected jpeg or png"):
        compressed_to_rgb(compressed(text, b"data"))


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
