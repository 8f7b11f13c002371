"""Files become RGB whatever their message calls them, and nothing that is no file ends anything."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from std_msgs.msg import Header

from uio2_ros.messages.compressed import compressed_to_rgb, jpeg_message
from uio2_ros.robot.errors import InvalidInputError

RGB = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)
PHOTO = cv2.GaussianBlur(
    np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 3
)
DEPTH_MM = np.array([[5000, 0, 2500], [0, 0, 10000]], np.uint16)
SHOWN = [[128, 0, 64], [0, 0, 255]]
"""Of `DEPTH_MM`, as the model draws depth."""


def compressed(text: str, data: bytes) -> SimpleNamespace:
    return SimpleNamespace(format=text, data=data)


def encoded(suffix: str, values: npt.NDArray[Any]) -> bytes:
    _, data = cv2.imencode(suffix, values)
    return data.tobytes()


JPEG, PNG = encoded(".jpg", PHOTO[..., ::-1]), encoded(".png", PHOTO[..., ::-1])
TIFF = encoded(".tiff", PHOTO[..., ::-1])


@pytest.mark.parametrize("data", [PNG, TIFF], ids=["png", "tiff"])
@pytest.mark.parametrize(
    "text",
    ["", "png", "image/png", "bgr8; png compressed bgr8", "rgb8; tiff compressed bgr8", "bgr8"],
)
def test_files_without_loss_are_exact(text: str, data: bytes) -> None:
    np.testing.assert_array_equal(compressed_to_rgb(compressed(text, data)), PHOTO)


@pytest.mark.parametrize(
    "text",
    ["", "jpeg", "jpg", "JPEG", ".jpg", "image/jpeg", "mjpeg", "bgr8", "bgr8; jpeg"]
    + ["rgb8; jpeg compressed bgr8", "rgb8;jpeg compressed bgr8", "jpeg; compressed bgr8"]
    + ["rgb8; jpeg compressed ", "yuv422_yuy2; jpeg compressed bgr8", "png"],
)
def test_jpeg_is_close(text: str) -> None:
    difference = compressed_to_rgb(compressed(text, JPEG)).astype(int) - PHOTO
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("bits", [8, 16])
def test_a_file_written_in_rgb_order_is_not_swapped(bits: int) -> None:
    stored = RGB if bits == 8 else RGB.astype(np.uint16) * 257
    shown = compressed_to_rgb(
        compressed(f"rgb{bits}; png compressed rgb{bits}", encoded(".png", stored))
    )
    np.testing.assert_array_equal(shown, RGB)


def test_alpha_is_left_out() -> None:
    bgra = np.dstack([RGB[..., ::-1], np.full((2, 2), 7, np.uint8)])
    shown = compressed_to_rgb(compressed("bgra8; png compressed ", encoded(".png", bgra)))
    np.testing.assert_array_equal(shown, RGB)


def test_gray_and_sixteen_bits_of_depth() -> None:
    gray = np.array([[0, 255]], np.uint8)
    shown = compressed_to_rgb(compressed("mono8; png compressed mono8", encoded(".png", gray)))
    np.testing.assert_array_equal(shown[0, :, 1], [0, 255])
    shown = compressed_to_rgb(compressed("16UC1; png compressed ", encoded(".png", DEPTH_MM)))
    np.testing.assert_array_equal(shown[..., 1], SHOWN)
    metres = (DEPTH_MM / 1000).astype(np.float32)
    shown = compressed_to_rgb(compressed("32FC1; tiff compressed ", encoded(".tiff", metres)))
    np.testing.assert_array_equal(shown[..., 1], SHOWN)


def test_a_mosaic_is_made_a_picture() -> None:
    mosaic = np.zeros((8, 8), np.uint8)
    mosaic[::2, ::2], mosaic[1::2, 1::2] = 200, 50
    mosaic[::2, 1::2] = mosaic[1::2, ::2] = 100
    data = encoded(".png", mosaic)
    shown = compressed_to_rgb(compressed("bayer_rggb8; png compressed ", data))
    np.testing.assert_array_equal(shown[4, 4], [200, 100, 50])
    shown = compressed_to_rgb(compressed("bayer_rggb8; jpeg compressed bgr8", JPEG))
    assert shown.shape == PHOTO.shape


def test_depth_in_eight_bits_is_refused() -> None:
    data = encoded(".jpg", (DEPTH_MM >> 8).astype(np.uint8))
    with pytest.raises(InvalidInputError, match=r"16UC1; jpeg'.*says no metres"):
        compressed_to_rgb(compressed("16UC1; jpeg", data))


# compressedDepth


def rvl(depth: npt.NDArray[np.uint16]) -> bytes:
    """The encoder of the paper."""
    digits: list[int] = []

    def number(value: int) -> None:
        while True:
            value, digit = value >> 3, value & 7
            digits.append(digit | (8 if value else 0))
            if not value:
                return

    flat, at, previous = depth.reshape(-1).tolist(), 0, 0
    while at < len(flat):
        zeros = next((n for n, v in enumerate(flat[at:]) if v), len(flat) - at)
        at += zeros
        known = next((n for n, v in enumerate(flat[at:]) if not v), len(flat) - at)
        number(zeros)
        number(known)
        for value in flat[at : at + known]:
            step, previous = value - previous, value
            number((step << 1) ^ (step >> 31) if step >= 0 else (-step << 1) - 1)
        at += known
    digits += [0] * (-len(digits) % 8)
    words = [sum(d << 4 * (7 - k) for k, d in enumerate(digits[n : n + 8]))
             for n in range(0, len(digits), 8)]  # fmt: skip
    height, width = depth.shape
    return struct.pack(f"<II{len(words)}I", width, height, *words)


def depth_data(content: bytes, scale: float = 0.0, offset: float = 0.0) -> bytes:
    return struct.pack("<iff", 0, scale, offset) + content


@pytest.mark.parametrize("text", ["16UC1; compressedDepth png", "16UC1; compressedDepth"])
def test_compressed_depth_in_png(text: str) -> None:
    shown = compressed_to_rgb(compressed(text, depth_data(encoded(".png", DEPTH_MM))))
    np.testing.assert_array_equal(shown[..., 1], SHOWN)


def test_compressed_depth_in_rvl() -> None:
    shown = compressed_to_rgb(compressed("16UC1; compressedDepth rvl", depth_data(rvl(DEPTH_MM))))
    np.testing.assert_array_equal(shown[..., 1], SHOWN)


def test_compressed_depth_of_inverse_metres() -> None:
    """depth = scale / (number - offset), as compressed_depth_image_transport stores 32FC1."""
    scale, offset = 20000.0, -100.0
    metres = DEPTH_MM / 1000
    with np.errstate(divide="ignore"):
        numbers = np.where(metres > 0, scale / metres + offset, 0).astype(np.uint16)
    for content, codec in ((encoded(".png", numbers), "png"), (rvl(numbers), "rvl")):
        data = depth_data(content, scale, offset)
        shown = compressed_to_rgb(compressed(f"32FC1; compressedDepth {codec}", data))
        assert np.abs(shown[..., 1].astype(int) - SHOWN).max() <= 1


@given(st.lists(st.lists(st.integers(0, 65535) | st.just(0), min_size=7, max_size=7), min_size=1))
def test_rvl_is_exact(rows: list[list[int]]) -> None:
    depth = np.array(rows, np.uint16)
    message = compressed("16UC1; compressedDepth rvl", depth_data(rvl(depth)))
    expected = compressed("16UC1; compressedDepth png", depth_data(encoded(".png", depth)))
    np.testing.assert_array_equal(compressed_to_rgb(message), compressed_to_rgb(expected))


@given(st.binary(max_size=64))
def test_any_bytes_of_depth_are_a_picture_or_refused(content: bytes) -> None:
    data = depth_data(struct.pack("<II", 3, 2) + content)
    try:
        shown = compressed_to_rgb(compressed("16UC1; compressedDepth rvl", data))
    except InvalidInputError:
        return
    assert shown.shape == (2, 3, 3)


# What is no picture


def png_of_size(width: int, height: int) -> bytes:
    """A whole file of few bytes that claims a size."""
    start, chunk = PNG[:16], struct.pack(">II", width, height) + b"\x08\0\0\0\0"
    return start + chunk + bytes(4) + struct.pack(">I", 0) + b"IEND" + bytes(4)


def tiff_of_size(width: int, height: int) -> bytes:
    tags = struct.pack("<HHHII HHII", 2, 256, 4, 1, width, 257, 4, 1, height)
    return b"II*\0" + struct.pack("<I", 8) + tags + bytes(4)


def jpeg_of_size(width: int, height: int) -> bytes:
    frame = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:frame] + struct.pack(">HH", height, width) + JPEG[frame + 4 :]


BOMBS = [
    ("png", png_of_size(40000, 40000)),
    ("tiff", tiff_of_size(40000, 40000)),
    ("jpeg", jpeg_of_size(65000, 65000)),
    ("16UC1; compressedDepth png", depth_data(png_of_size(40000, 40000))),
    ("16UC1; compressedDepth rvl", depth_data(struct.pack("<III", 40000, 40000, 0))),
]


@pytest.mark.parametrize(("text", "data"), BOMBS, ids=[text for text, _ in BOMBS])
def test_a_claim_of_many_pixels_is_refused_before_there_is_room_for_them(
    text: str, data: bytes
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidInputError, match=r"claims (40000|65000) x \1 pixels; expected"):
            compressed_to_rgb(compressed(text, data))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_limit_can_be_set() -> None:
    assert compressed_to_rgb(compressed("png", PNG), 48 * 64).shape == (48, 64, 3)
    with pytest.raises(InvalidInputError, match="claims 64 x 48 pixels; expected 1 to 3071"):
        compressed_to_rgb(compressed("png", PNG), 48 * 64 - 1)


@pytest.mark.parametrize("data", [JPEG, PNG], ids=["jpeg", "png"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(data: bytes, part: float) -> None:
    with pytest.raises(InvalidInputError, match="truncated"):
        compressed_to_rgb(compressed("", data[: int(len(data) * part)]))


def test_the_end_of_a_thumbnail_is_not_that_of_the_file() -> None:
    thumbnail = encoded(".jpg", PHOTO[:8, :8])
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail
    whole = JPEG[:2] + segment + JPEG[2:]
    assert compressed_to_rgb(compressed("jpeg", whole)).shape == PHOTO.shape
    with pytest.raises(InvalidInputError, match="truncated"):
        compressed_to_rgb(compressed("jpeg", whole[:-200]))


@pytest.mark.parametrize("data", [JPEG, PNG], ids=["jpeg", "png"])
def test_what_follows_a_file_does_not_matter(data: bytes) -> None:
    assert compressed_to_rgb(compressed("", data + bytes(64))).shape == PHOTO.shape


def test_damage_inside_a_file_is_refused() -> None:
    damaged = bytearray(PNG)
    damaged[60:70] = bytes(10)
    with pytest.raises(InvalidInputError, match=r"no picture that can be read|cannot be decoded"):
        compressed_to_rgb(compressed("png", bytes(damaged)))
    with pytest.raises(InvalidInputError, match="without end"):
        compressed_to_rgb(compressed("png", PNG[:8] + bytes(22) + PNG[30:]))


@pytest.mark.parametrize(
    ("text", "data", "problem"),
    [
        ("jpeg", b"", "0 bytes are no jpeg, png, tiff or webp"),
        ("h264", b"\0\0\0\1\x67\x42", "'h264': 6 bytes are no jpeg, png, tiff or webp"),
        ("nv12", bytes(200), "'nv12': 200 bytes are no jpeg"),
        ("jpeg", b"\0" + JPEG, "are no jpeg"),
        ("16UC1; compressedDepth zstd", depth_data(PNG), "expected 16UC1 or 32FC1 in png or rvl"),
        ("rgb8; compressedDepth png", depth_data(PNG), "expected 16UC1 or 32FC1 in png or rvl"),
        ("16UC1; compressedDepth png", depth_data(PNG), "the depth is of uint8; expected 16 bits"),
        ("16UC1; compressedDepth rvl", b"", "truncated"),
        ("16UC1; compressedDepth rvl", depth_data(rvl(DEPTH_MM)[:12]), "truncated"),
    ],
)
def test_what_is_no_picture_is_named(text: str, data: bytes, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        compressed_to_rgb(compressed(text, data))


@given(st.integers(0, len(JPEG) - 1), st.integers(0, 255))
def test_any_damage_of_a_jpeg_is_a_picture_or_refused(at: int, value: int) -> None:
    damaged = bytearray(JPEG)
    damaged[at] = value
    with contextlib.suppress(InvalidInputError):
        assert compressed_to_rgb(compressed("jpeg", bytes(damaged))).ndim == 3


def test_what_is_sent_as_jpeg_is_read_again() -> None:
    picture = np.full((16, 24, 3), (250, 120, 10), np.uint8)
    sent = jpeg_message(picture, Header(frame_id="camera"), 90)
    assert (sent.header.frame_id, sent.format) == ("camera", "bgr8; jpeg compressed bgr8")
    np.testing.assert_allclose(compressed_to_rgb(sent).astype(int), picture, atol=6)
