"""Encoded pictures to pixels and back, by OpenCV. What is cut short, damaged or too large is an
error."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.encoded_picture import CHECKED_STARTS, MOST_PIXELS, expect_decodable
from uio2_ros.robot.errors import InvalidInputError

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".avif", ".jp2"}
)
_WEBP = b"WEBP"


def decode_picture(
    data: Buffer, mode: int = cv2.IMREAD_COLOR, most_pixels: int = MOST_PIXELS
) -> npt.NDArray[Any]:
    """The pixels of an encoded picture in OpenCV's order: (H, W, 3) BGR unless `mode` says other.

    InvalidInputError for what cannot be read whole, and for more than `most_pixels` (of formats
    whose header is not looked at: OpenCV's own OPENCV_IO_MAX_IMAGE_PIXELS).
    """
    content = bytes(data)
    if content.startswith(CHECKED_STARTS):
        expect_decodable(content, most_pixels)
    elif content[8:12] == _WEBP and len(content) < 8 + int.from_bytes(content[4:8], "little"):
        raise InvalidInputError(f"the webp is truncated: it ends after {len(content)} bytes")
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), mode) if content else None
    except cv2.error as error:
        raise InvalidInputError(f"{len(content)} bytes cannot be decoded: {error}") from error
    if pixels is None:
        raise InvalidInputError(f"{len(content)} bytes are no picture that can be read")
    return np.asarray(pixels)


def decode_rgb(data: Buffer) -> npt.NDArray[np.uint8]:
    """The (H, W, 3) RGB pixels of an encoded picture. InvalidInputError."""
    return np.ascontiguousarray(decode_picture(data)[..., ::-1], np.uint8)


def jpeg_of(rgb: npt.NDArray[np.uint8], quality: int) -> bytes:
    """RGB (H, W, 3) as JPEG. quality: 0 to 100, larger is finer."""
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
