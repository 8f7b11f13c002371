"""Pictures of ROS messages as RGB arrays. Imports numpy and OpenCV, no rclpy and no cv_bridge.

Encodings are those of sensor_msgs/image_encodings and, for colour and intensity, the numbers are
those of cv_bridge (16 bits become 8 by the factor 255/65535). cv_bridge itself is not used: the
distributed one is built against another numpy and OpenCV than pip's, and it refuses depth.

Depth (16UC1 in millimetres, 32FC1 in metres: REP 118) is shown as Unified-IO 2 draws it: white is
0 m; black is `DEPTH_RANGE_M`, beyond it, or no measurement (0, NaN, infinite).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.errors import InvalidInputError

Pixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[Any]
Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]

DEPTH_RANGE_M = 10.0
"""Depth shown black; the range of Unified-IO 2's own depth pictures."""

_PNG_END = b"IEND"
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image that say what its pixels are."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Any


class CompressedImageMessage(Protocol):
    """The fields of sensor_msgs/CompressedImage."""

    format: str
    data: Any


@dataclass(frozen=True)
class _Encoding:
    """How a pixel lies in memory and how an (H, W, channels) array of them becomes RGB."""

    dtype: str  # without byte order
    channels: int
    to_rgb: Callable[[Samples], Pixels]

    @property
    def pixel_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * self.channels


def image_to_rgb(message: ImageMessage) -> Pixels:
    """The (H, W, 3) uint8 RGB picture of a sensor_msgs/Image; may be a view of its data.

    InvalidInputError for an unknown encoding, a size of zero, a step too small for the width or
    data too short for the step.
    """
    encoding = ENCODINGS.get(message.encoding.lower())
    if encoding is None:
        raise InvalidInputError(
            f"encoding {message.encoding!r} is unknown; expected one of {', '.join(ENCODINGS)}"
        )
    return encoding.to_rgb(_pixel_grid(message, encoding))


def compressed_to_rgb(message: CompressedImageMessage) -> Pixels:
    """The (H, W, 3) uint8 RGB picture of a sensor_msgs/CompressedImage.

    The format is that of compressed_image_transport ("rgb8; jpeg compressed bgr8") or a bare
    "jpeg" or "png". InvalidInputError for other formats, and for data cut short or damaged.
    """
    encoding, codec, stored = _parse_format(message.format)
    data = np.frombuffer(message.data, np.uint8)
    _check_complete(codec, data)
    try:
        decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InvalidInputError(
            f"{codec} of {data.size} bytes cannot be decoded: {error}"
        ) from error
    if decoded is None:
        raise InvalidInputError(f"{data.size} bytes are not the {codec} they claim to be; resend")
    return _decoded_to_rgb(decoded, encoding, stored)


def _pixel_grid(message: ImageMessage, encoding: _Encoding) -> Samples:
    """An (H, W, channels) view of the message's pixels, in the machine's byte order."""
    height, width, step = message.height, message.width, message.step
    if not height or not width:
        raise InvalidInputError(
            f"the picture is {width} x {height} pixels; expected at least 1 x 1"
        )
    row = width * encoding.pixel_bytes
    if step < row:
        raise InvalidInputError(
            f"step is {step} bytes; {width} pixels of {message.encoding} need at least {row}"
        )
    data = np.frombuffer(message.data, np.uint8)
    needed = step * (height - 1) + row
    if data.size < needed:
        raise InvalidInputError(
            f"the data is truncated: {data.size} bytes, but {width} x {height} pixels of "
            f"{message.encoding} with step {step} need {needed}"
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, row), (step, 1), writeable=False)
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    if dtype.itemsize > 1:
        rows = np.ascontiguousarray(rows).view(dtype).astype(dtype.newbyteorder("="), copy=False)
    return rows.reshape(height, width, encoding.channels)


def _parse_format(text: str) -> tuple[str, str, str]:
    """Encoding before compression, codec, and channel order in the file; "" where not told."""
    encoding, _, rest = text.lower().rpartition(";")
    codec, _, stored = (part.strip() for part in rest.partition("compressed"))
    codec = {"jpg": "jpeg"}.get(codec, codec)
    if codec not in ("jpeg", "png"):
        raise InvalidInputError(
            f"format {text!r} is unknown; expected jpeg or png, alone or as "
            "compressed_image_transport writes it (compressedDepth: subscribe to the raw topic)"
        )
    return encoding.strip(), codec, stored


def _check_complete(codec: str, data: Pixels) -> None:
    """OpenCV fills what is missing of a cut-off file with grey, silently."""
    content = data.tobytes()
    complete = (
        content.startswith(_JPEG_START) and _JPEG_END in content
        if codec == "jpeg"
        else _PNG_END in content[-16:]
    )
    if not complete:
        raise InvalidInputError(
            f"the data is truncated or no {codec}: {data.size} bytes without its first or last mark"
        )


def _decoded_to_rgb(decoded: Samples, encoding: str, stored: str) -> Pixels:
    """RGB of what OpenCV decoded, which is BGR(A) unless the file was written in RGB order."""
    grid = decoded[:, :, np.newaxis] if decoded.ndim == 2 else decoded
    channels = grid.shape[2]
    if channels == 1 and grid.dtype == np.uint16:
        return ENCODINGS["16uc1" if encoding == "16uc1" else "mono16"].to_rgb(grid)
    if channels == 1:
        return _gray(grid)
    eight_bits = grid if grid.dtype == np.uint8 else _scale_16(grid)
    if stored.startswith("rgb"):
        return np.ascontiguousarray(eight_bits[:, :, :3])
    return _colour(cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGB)(eight_bits)


def _scale_16(values: Samples) -> Pixels:
    scaled = cv2.convertScaleAbs(np.ascontiguousarray(values), alpha=255.0 / 65535.0)
    return np.asarray(scaled, np.uint8).reshape(values.shape)


def _colour(code: int) -> Callable[[Samples], Pixels]:
    """A conversion by OpenCV, after scaling to 8 bits if needed."""

    def convert(grid: Samples) -> Pixels:
        eight_bits = _scale_16(grid) if grid.dtype == np.uint16 else grid
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(eight_bits), code), np.uint8)

    return convert


def _bayer(code: int) -> Callable[[Samples], Pixels]:
    """Demosaicing at full depth; needs 2 x 2 pixels, as a smaller picture has no colour."""

    def convert(grid: Samples) -> Pixels:
        if min(grid.shape[:2]) < 2:
            raise InvalidInputError(
                f"a Bayer picture of {grid.shape[1]} x {grid.shape[0]} pixels has no colour; "
                "expected at least 2 x 2"
            )
        colour = cv2.cvtColor(np.ascontiguousarray(grid), code)
        return _scale_16(colour) if grid.dtype == np.uint16 else np.asarray(colour, np.uint8)

    return convert


def _yuv422(code: int) -> Callable[[Samples], Pixels]:
    """Two pixels share their chroma, so the width is even."""

    def convert(grid: Samples) -> Pixels:
        if grid.shape[1] % 2:
            raise InvalidInputError(f"a YUV 4:2:2 picture is {grid.shape[1]} wide; expected even")
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(grid), code), np.uint8)

    return convert


def _same(grid: Samples) -> Pixels:
    return grid


def _gray(grid: Samples) -> Pixels:
    return np.repeat(grid, 3, axis=2)


def _gray_16(grid: Samples) -> Pixels:
    return _gray(_scale_16(grid))


def _depth(metres_per_unit: float) -> Callable[[Samples], Pixels]:
    def convert(grid: Samples) -> Pixels:
        metres = np.nan_to_num(grid.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        metres *= np.float32(metres_per_unit)
        nearness = 1.0 - np.clip(metres / np.float32(DEPTH_RANGE_M), 0.0, 1.0)
        nearness[metres <= 0] = 0.0
        return _gray(np.rint(nearness * 255.0).astype(np.uint8))

    return convert


_MILLIMETRE = 1e-3
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,  # OpenCV names the pattern of the second row and column
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
_COLOUR = {
    "rgba": (4, cv2.COLOR_RGBA2RGB),
    "bgr": (3, cv2.COLOR_BGR2RGB),
    "bgra": (4, cv2.COLOR_BGRA2RGB),
}

ENCODINGS: dict[str, _Encoding] = {
    "rgb8": _Encoding("u1", 3, _same),
    "rgb16": _Encoding("u2", 3, _scale_16),
    **{
        f"{name}{bits}": _Encoding(f"u{bits // 8}", channels, _colour(code))
        for name, (channels, code) in _COLOUR.items()
        for bits in (8, 16)
    },
    "mono8": _Encoding("u1", 1, _gray),
    "mono16": _Encoding("u2", 1, _gray_16),
    # OpenCV's type names say nothing of colour; its own convention is BGR
    "8uc1": _Encoding("u1", 1, _gray),
    "8uc3": _Encoding("u1", 3, _colour(cv2.COLOR_BGR2RGB)),
    "8uc4": _Encoding("u1", 4, _colour(cv2.COLOR_BGRA2RGB)),
    "16uc1": _Encoding("u2", 1, _depth(_MILLIMETRE)),
    "32fc1": _Encoding("f4", 1, _depth(1.0)),
    **{
        f"bayer_{pattern}{bits}": _Encoding(f"u{bits // 8}", 1, _bayer(code))
        for pattern, code in _BAYER.items()
        for bits in (8, 16)
    },
    "yuv422": _Encoding("u1", 2, _yuv422(cv2.COLOR_YUV2RGB_UYVY)),
    "uyvy": _Encoding("u1", 2, _yuv422(cv2.COLOR_YUV2RGB_UYVY)),
    "yuv422_yuy2": _Encoding("u1", 2, _yuv422(cv2.COLOR_YUV2RGB_YUYV)),
    "yuyv": _Encoding("u1", 2, _yuv422(cv2.COLOR_YUV2RGB_YUYV)),
}
