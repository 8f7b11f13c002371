"""Encoded pictures to pixels, by OpenCV. What is cut short, damaged or too large is an error.

OpenCV itself fills what is missing of a file with grey, and believes the size that a header claims
up to OPENCV_IO_MAX_IMAGE_PIXELS, which `uio2_ros` sets to `LARGEST_PICTURE` unless somebody did.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.errors import InvalidInputError

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".avif", ".jp2"}
)
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_START_OF_SCAN = 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0 to RST7, SOI
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
_WEBP = b"WEBP"


def decode_picture(data: Buffer, mode: int = cv2.IMREAD_COLOR) -> npt.NDArray[Any]:
    """The pixels of an encoded picture in OpenCV's order: (H, W, 3) BGR unless `mode` says other.

    InvalidInputError for what cannot be read whole.
    """
    content = bytes(data)
    _expect_whole(content)
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), mode) if content else None
    except cv2.error as error:
        too_large = "MAX_IMAGE" in str(error)
        limit = "is larger than OPENCV_IO_MAX_IMAGE_PIXELS allows" if too_large else str(error)
        raise InvalidInputError(f"a picture of {len(content)} bytes {limit}") from error
    if pixels is None:
        raise InvalidInputError(f"{len(content)} bytes are no picture that can be read")
    return np.asarray(pixels)


def decode_rgb(data: Buffer) -> npt.NDArray[np.uint8]:
    """The (H, W, 3) RGB pixels of an encoded picture. InvalidInputError."""
    return np.ascontiguousarray(decode_picture(data)[..., ::-1], np.uint8)


def _expect_whole(content: bytes) -> None:
    """InvalidInputError for a file that ends before its picture does."""
    ends = (
        (not content.startswith(_JPEG_START) or _jpeg_ends(content))
        and (not content.startswith(_PNG_START) or _png_ends(content))
        and (content[8:12] != _WEBP or _webp_ends(content))
    )
    if not ends:
        raise InvalidInputError(f"the picture is truncated: it ends after {len(content)} bytes")


def _jpeg_ends(content: bytes) -> bool:
    """Whether the end marker follows the pixels, and not only those of a thumbnail in a header."""
    at = len(_JPEG_START)
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            return False
        marker = content[at + 1]
        if marker == _START_OF_SCAN:
            return content.find(_JPEG_END, at) >= 0
        if marker == 0xFF:
            at += 1  # padding
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return False


def _png_ends(content: bytes) -> bool:
    at = len(_PNG_START)
    while at + 12 <= len(content):  # length, type, checksum
        if content[at + 4 : at + 8] == _PNG_END:
            return True
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return False


def _webp_ends(content: bytes) -> bool:
    return len(content) >= 8 + int.from_bytes(content[4:8], "little")
