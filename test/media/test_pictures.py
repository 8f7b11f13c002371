"""Encoded pictures: read whole, or refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uio2_ros.media.pictures import decode_picture, decode_rgb, jpeg_of
from uio2_ros.robot.errors import InvalidInputError

CASES = Path(__file__).parent / "cases"
RED, BLUE = (200, 0, 0), (0, 0, 200)


def picture() -> np.ndarray:
    """RGB: red on the left, blue on the right."""
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:, :60], pixels[:, 60:] = RED, BLUE
    return pixels


def encoded(suffix: str, pixels: np.ndarray | None = None) -> bytes:
    shown = picture() if pixels is None else pixels
    _, data = cv2.imencode(suffix, np.ascontiguousarray(shown[..., ::-1]))
    return data.tobytes()


def with_thumbnail(jpeg: bytes) -> bytes:
    """A JPEG whose header holds another whole JPEG, as cameras write them."""
    small = b"Exif\0\0" + encoded(".jpg", picture()[::4, ::4])
    return jpeg[:2] + b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small + jpeg[2:]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_a_picture_is_red_green_and_blue_in_this_order(suffix: str) -> None:
    pixels = decode_rgb(encoded(suffix))
    assert pixels.shape == (80, 120, 3)
    assert np.abs(pixels[40, 20].astype(int) - RED).max() < 8
    assert np.abs(pixels[40, 100].astype(int) - BLUE).max() < 8


def test_a_photo_in_avif_is_read() -> None:
    assert decode_rgb((CASES / "photo.avif").read_bytes()).shape == (80, 120, 3)


def test_a_picture_of_16_bits_keeps_them_where_asked() -> None:
    depth = np.full((4, 5), 1234, np.uint16)
    _, data = cv2.imencode(".png", depth)
    np.testing.assert_array_equal(decode_picture(data, cv2.IMREAD_UNCHANGED), depth)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_picture_that_was_cut_is_refused_and_not_filled_with_grey(
    suffix: str, share: float
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(suffix, noise)
    with pytest.raises(InvalidInputError, match="truncated"):
        decode_picture(data[: int(len(data) * share)])


def test_a_thumbnail_does_not_hide_that_a_picture_was_cut() -> None:
    data = with_thumbnail(encoded(".jpg"))
    assert decode_rgb(data).shape == (80, 120, 3)
    with pytest.raises(InvalidInputError, match="truncated"):
        decode_picture(data[: len(data) - 300])


@pytest.mark.parametrize("padding", [b"\0" * 64, b"\r\n"])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_what_follows_a_picture_does_not_matter(suffix: str, padding: bytes) -> None:
    assert decode_rgb(encoded(suffix) + padding).shape == (80, 120, 3)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", bytes(64)])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError):
        decode_picture(content)


def test_a_header_that_claims_a_huge_picture_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="claims 40000 x 40000 pixels"):
        decode_picture((CASES / "bomb.png").read_bytes())


def test_the_largest_picture_can_be_chosen() -> None:
    for suffix in (".png", ".jpg"):
        assert decode_picture(encoded(suffix), most_pixels=9600).shape == (80, 120, 3)
        with pytest.raises(InvalidInputError, match="claims 120 x 80 pixels; expected 1 to 9599"):
            decode_picture(encoded(suffix), most_pixels=9599)


def test_a_size_that_opencv_refuses_is_an_error_too() -> None:
    content = bytearray(encoded(".bmp"))
    content[18:26] = (2**20).to_bytes(4, "little") * 2  # width, height
    with pytest.raises(InvalidInputError, match="cannot be decoded"):
        decode_picture(bytes(content))


def test_a_jpeg_has_the_colours_of_the_picture() -> None:
    picture = np.zeros((16, 24, 3), np.uint8)
    picture[:] = (250, 120, 10)
    encoded = jpeg_of(picture, 90)
    np.testing.assert_allclose(decode_rgb(encoded).astype(int), picture, atol=6)
    assert len(jpeg_of(picture, 5)) < len(encoded)
