"""Pictures of sensor_msgs/CompressedImage as arrays. Imports numpy and OpenCV, no rclpy.

What a file is, it says itself; `format` says what its pixels mean. CompressedImage.msg has two
forms of it, "rgb8; jpeg compressed bgr8" of compressed_image_transport, whose codecs are jpeg, png
and tiff, and "16UC1; compressedDepth png" of compressed_depth_image_transport, png or rvl. Others,
"" and "jpeg" among them, tell of no more than a colour or grey picture.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.media.pictures import decode_picture, jpeg_of
from uio2_ros.messages.byte_array import byte_array
from uio2_ros.messages.images import Pixels, Samples, grid_to_rgb
from uio2_ros.robot.encoded_picture import MOST_PIXELS, expect_decodable
from uio2_ros.robot.errors import InvalidInputError

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage
    from std_msgs.msg import Header

_DEPTH_CONFIGURATION = struct.Struct("<iff")
"""What compressedDepth data begin with: an unused number, and how 32FC1 was made whole numbers."""
_RVL_SIZE = struct.Struct("<II")  # columns, rows
_DEPTHS = ("16uc1", "32fc1")


def jpeg_message(rgb: Pixels, header: Header, quality: int) -> CompressedImage:
    """RGB (H, W, 3) as a picture of compressed_image_transport."""
    from sensor_msgs.msg import CompressedImage

    data = byte_array(np.frombuffer(jpeg_of(rgb, quality), np.uint8))
    return CompressedImage(header=header, format="bgr8; jpeg compressed bgr8", data=data)


class CompressedImageMessage(Protocol):
    """The fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


@dataclass(frozen=True)
class _Format:
    """What `format` tells; "" where it does not."""

    encoding: str  # before compression
    stored: str  # order of the channels in the file
    depth_codec: str = ""  # png or rvl

    @classmethod
    def of(cls, text: str) -> _Format:
        encoding, _, rest = text.lower().rpartition(";")
        before, is_depth, codec = rest.partition("compresseddepth")
        if is_depth and not before.strip():
            return cls(encoding.strip(), "", codec.strip() or "png")
        return cls(encoding.strip(), rest.partition("compressed")[2].strip())


def compressed_to_rgb(message: CompressedImageMessage, most_pixels: int = MOST_PIXELS) -> Pixels:
    """The (H, W, 3) uint8 RGB picture of a sensor_msgs/CompressedImage.

    InvalidInputError for other codecs, for depth that lost its metres, for data cut short or
    damaged, and for more than `most_pixels`.
    """
    said, data = _Format.of(message.format), bytes(message.data)
    try:
        if said.depth_codec:
            return grid_to_rgb(said.encoding, _depth(said, data, most_pixels)[:, :, None])
        return _to_rgb(_decoded(data, most_pixels), said)
    except InvalidInputError as error:
        raise InvalidInputError(f"a picture of the format {message.format!r}: {error}") from error


def _decoded(data: bytes, most_pixels: int) -> Samples:
    """(H, W, channels) as OpenCV decodes: BGR(A) of files in the usual order."""
    expect_decodable(data, most_pixels)  # and of no other codec
    decoded = decode_picture(data, cv2.IMREAD_UNCHANGED, most_pixels)
    return decoded[:, :, np.newaxis] if decoded.ndim == 2 else decoded


def _to_rgb(grid: Samples, said: _Format) -> Pixels:
    if said.encoding in _DEPTHS and grid.dtype == np.uint8:
        raise InvalidInputError(
            f"depth ({said.encoding.upper()}) was stored in 8 bits, which says no metres; publish "
            "it by compressedDepth, or as 16-bit png"
        )
    channels = grid.shape[2]
    if channels == 1:
        mosaic = said.encoding.startswith("bayer_") and not said.stored
        meant = said.encoding if mosaic or said.encoding in _DEPTHS else _GREYS.get(grid.dtype.name)
        return grid_to_rgb(meant or f"single channel {grid.dtype}", grid)
    order = "rgb" if said.stored.startswith("rgb") else "bgr"
    bits = {"uint8": "8", "uint16": "16"}.get(grid.dtype.name, f" in {grid.dtype}")
    return grid_to_rgb(f"{order}{'a' if channels == 4 else ''}{bits}", grid)


_GREYS = {"uint8": "mono8", "uint16": "mono16"}


def _depth(said: _Format, data: bytes, most_pixels: int) -> npt.NDArray[Any]:
    """(H, W) of compressedDepth: uint16 millimetres or float32 metres, 0 or NaN where unknown."""
    if said.encoding not in _DEPTHS or said.depth_codec not in ("png", "rvl"):
        raise InvalidInputError("expected 16UC1 or 32FC1 in png or rvl")
    if len(data) <= _DEPTH_CONFIGURATION.size:
        raise InvalidInputError(f"the data is truncated: {len(data)} bytes")
    _, scale, offset = _DEPTH_CONFIGURATION.unpack_from(data)
    content = data[_DEPTH_CONFIGURATION.size :]
    if said.depth_codec == "rvl":
        numbers = _rvl(content, most_pixels)
    else:
        numbers = _decoded(content, most_pixels)[:, :, 0]
    if numbers.dtype != np.uint16:
        raise InvalidInputError(f"the depth is of {numbers.dtype}; expected 16 bits")
    if said.encoding == "16uc1":
        return numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = np.float32(scale) / (numbers.astype(np.float32) - np.float32(offset))
    return np.where(numbers > 0, metres, np.float32(np.nan))


def _rvl(data: bytes, most_pixels: int) -> npt.NDArray[np.uint16]:
    """Depth (H, W) of Wilson's RVL ("Fast lossless depth image compression", 2017).

    Numbers of 3-bit digits, the lowest first, each with a bit that says whether more follow: how
    many pixels are 0, how many are not, and the differences of those, zigzag; again and again.
    """
    if len(data) < _RVL_SIZE.size:
        raise InvalidInputError(f"the data is truncated: {len(data)} bytes")
    width, height = _RVL_SIZE.unpack_from(data)
    if not 0 < width * height <= most_pixels:
        raise InvalidInputError(
            f"the rvl claims {width} x {height} pixels; expected 1 to {most_pixels} pixels"
        )
    numbers = _rvl_numbers(data[_RVL_SIZE.size :])
    depth = np.zeros(width * height, np.uint16)
    pixel = at = previous = 0
    while pixel < depth.size and at + 1 < numbers.size:
        zeros, known = int(numbers[at]), int(numbers[at + 1])
        at, pixel = at + 2, pixel + zeros
        zigzag = numbers[at : at + known]
        if pixel + known > depth.size or zigzag.size < known or not zeros + known:
            raise InvalidInputError("the rvl is damaged: its runs do not fit its size")
        values = previous + np.cumsum((zigzag >> 1) ^ -(zigzag & 1))
        depth[pixel : pixel + known] = values
        previous = int(values[-1]) if known else previous
        at, pixel = at + known, pixel + known
    if pixel < depth.size:
        raise InvalidInputError(f"the data is truncated: {pixel} of {depth.size} pixels")
    return depth.reshape(height, width)


def _rvl_numbers(data: bytes) -> npt.NDArray[np.int64]:
    """All numbers, of words whose highest digit comes first."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    digits = (words[:, None] >> np.arange(28, -1, -4, dtype=np.uint32)).reshape(-1) & 15
    ends = np.flatnonzero(digits < 8)
    if not ends.size:
        return np.zeros(0, np.int64)
    begins = np.concatenate([[0], ends[:-1] + 1])
    digits = digits[: ends[-1] + 1].astype(np.int64) & 7
    place = np.arange(digits.size) - np.repeat(begins, ends - begins + 1)
    return np.add.reduceat(digits << np.minimum(3 * place, 60), begins)
