"""Pictures on their way to the model: as they are, or as JPEG or WebP. OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.encoded_picture import expect_decodable
from uio2_ros.robot.errors import InvalidInputError

CHANNELS = 3
Pixels = npt.NDArray[np.uint8]


class PictureCodec(str, Enum):
    """How a picture travels."""

    RAW = "raw"
    JPEG = "jpeg"
    WEBP = "webp"


_QUALITY = {
    PictureCodec.JPEG: cv2.IMWRITE_JPEG_QUALITY,
    PictureCodec.WEBP: cv2.IMWRITE_WEBP_QUALITY,
}


@dataclass(frozen=True)
class SentPicture:
    """An RGB picture of (height, width, 3): its pixels in rows, or a file of its codec."""

    codec: PictureCodec
    height: int
    width: int
    data: bytes


def encode_picture(pixels: Pixels, codec: PictureCodec, quality: int) -> SentPicture:
    """An RGB picture (H, W, 3); `quality` from 1 to 100 counts unless it travels raw."""
    height, width = pixels.shape[:2]
    if codec is PictureCodec.RAW:
        return SentPicture(codec, height, width, np.ascontiguousarray(pixels).tobytes())
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    written, data = cv2.imencode(f".{codec.value}", bgr, [_QUALITY[codec], quality])
    if not written:
        raise InvalidInputError(f"a picture of {width} x {height} has no {codec.value}")
    return SentPicture(codec, height, width, data.tobytes())


def decode_picture(sent: SentPicture, most_pixels: int) -> Pixels:
    """RGB (H, W, 3). InvalidInputError for what is not the picture that it claims to be, or has
    more than `most_pixels`; that is known before anything is decoded."""
    size = f"{sent.width} x {sent.height}"
    if not (sent.height > 0 and sent.width > 0 and sent.height * sent.width <= most_pixels):
        raise InvalidInputError(f"a picture has {size} pixels; expected 1 to {most_pixels}")
    shape = (sent.height, sent.width, CHANNELS)
    if sent.codec is PictureCodec.RAW:
        if len(sent.data) != sent.height * sent.width * CHANNELS:
            raise InvalidInputError(f"{len(sent.data)} bytes are no picture of {size}")
        return np.frombuffer(sent.data, np.uint8).reshape(shape)
    header = expect_decodable(sent.data, most_pixels)
    told = f"{header.codec} of {header.width} x {header.height}"
    if (header.codec, header.height, header.width) != (sent.codec.value, *shape[:2]):
        raise InvalidInputError(f"a {sent.codec.value} of {size} was announced; this is a {told}")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(sent.data, np.uint8), flags)
    except cv2.error as error:
        raise InvalidInputError(f"the {told} cannot be decoded: {error}") from error
    if bgr is None or bgr.shape != shape:
        raise InvalidInputError(f"the {told} is damaged")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
