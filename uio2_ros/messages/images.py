"""Pictures of sensor_msgs/Image as arrays. Imports numpy and OpenCV, no rclpy.

Encodings are those of sensor_msgs/image_encodings and, for colour and intensity, the numbers are
those of cv_bridge (16 bits become 8 by the factor 255/65535). cv_bridge itself is asked for what is
missing here only: the distributed one is built against another numpy and OpenCV than pip's, and it
refuses depth.

Depth (16UC1 in millimetres, 32FC1 in metres: REP 118) is shown as the model was trained to draw it:
black is 0 m or no measurement (0, NaN), white `DEPTH_RANGE_M` and beyond (infinite: REP 117).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.messages.cv_bridge import installed_cv_bridge
from uio2_ros.robot.errors import InvalidInputError

Pixels = npt.NDArray[np.uint8]
Samples = npt.NDArray[Any]

DEPTH_RANGE_M = 10.0
"""Depth shown white; the range of the models' own depth pictures."""


class ImageMessage(Protocol):
    """The fields of sensor_msgs/Image that say what its pixels are."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
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

    InvalidInputError for an unknown encoding (where no cv_bridge knows it either), a size of zero,
    a step too small for the width or data too short for the step.
    """
    _check_size(message)
    planar = _PLANAR.get(message.encoding.lower())
    if planar is not None:
        return planar(message)
    if message.encoding.lower() not in ENCODINGS and (bridge := installed_cv_bridge()) is not None:
        return bridge(message)
    encoding = _known(message.encoding)
    return encoding.to_rgb(_pixel_grid(message, encoding))


def grid_to_rgb(encoding: str, grid: Samples) -> Pixels:
    """(H, W, channels) in an encoding of `ENCODINGS` as (H, W, 3) uint8 RGB.

    InvalidInputError for an encoding that is unknown or of other channels or numbers than these.
    """
    known = _known(encoding)
    if grid.shape[2] != known.channels or grid.dtype != np.dtype(known.dtype):
        raise InvalidInputError(
            f"{grid.shape[2]} numbers of {grid.dtype} a pixel are not {encoding}"
        )
    return known.to_rgb(grid)


def pixels_of(message: ImageMessage) -> Samples:
    """The pixels of a sensor_msgs/Image as they are: (H, W), or (H, W, channels) for several.

    In the machine's byte order; may be a view of the message's data. InvalidInputError as
    `image_to_rgb`, and for encodings whose pixels do not lie one by one.
    """
    grid = _pixel_grid(message, _known(message.encoding))
    return grid[:, :, 0] if grid.shape[2] == 1 else grid


def metres_of(message: ImageMessage) -> npt.NDArray[np.float32]:
    """Depth (H, W) of REP 118, metres; 0, NaN or infinite where there is none."""
    factor = _METRES_PER_UNIT.get(message.encoding.upper())
    if factor is None:
        raise InvalidInputError(
            f"depth is {message.encoding!r}; expected {' or '.join(_METRES_PER_UNIT)}"
        )
    return np.asarray(pixels_of(message) * factor, np.float32)


def _known(encoding: str) -> _Encoding:
    found = ENCODINGS.get(encoding.lower())
    if found is None:
        known = ", ".join([*ENCODINGS, *_PLANAR])
        raise InvalidInputError(f"encoding {encoding!r} is unknown; expected one of {known}")
    return found


def _check_size(message: ImageMessage) -> None:
    if not message.height or not message.width:
        raise InvalidInputError(
            f"the picture is {message.width} x {message.height} pixels; expected at least 1 x 1"
        )


def _pixel_grid(message: ImageMessage, encoding: _Encoding) -> Samples:
    """An (H, W, channels) view of the message's pixels, in the machine's byte order."""
    _check_size(message)
    height, width, step = message.height, message.width, message.step
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


def _no_colour(grid: Samples) -> Pixels:
    raise InvalidInputError(f"{grid.shape[2]} floating-point numbers a pixel are no colours")


def _same(grid: Samples) -> Pixels:
    return grid


def _gray(grid: Samples) -> Pixels:
    return np.repeat(grid, 3, axis=2)


def _gray_16(grid: Samples) -> Pixels:
    return _gray(_scale_16(grid))


def _depth(metres_per_unit: float) -> Callable[[Samples], Pixels]:
    def convert(grid: Samples) -> Pixels:
        metres = grid.astype(np.float32) * np.float32(metres_per_unit)
        gray = np.clip(np.nan_to_num(metres, nan=0.0) / np.float32(DEPTH_RANGE_M), 0.0, 1.0)
        return _gray(np.rint(gray * 255.0).astype(np.uint8))

    return convert


def _two_planes(code: int) -> Callable[[ImageMessage], Pixels]:
    """YUV 4:2:0: a plane of luma, and one of half its size with both chroma values in turn."""

    def convert(message: ImageMessage) -> Pixels:
        if message.width % 2 or message.height % 2:
            raise InvalidInputError(
                f"a YUV 4:2:0 picture is {message.width} x {message.height}; expected even sizes"
            )
        rows = _plane_rows(message, message.height // 2)
        return np.asarray(cv2.cvtColor(rows, code), np.uint8)

    return convert


def _nv24(message: ImageMessage) -> Pixels:
    """YUV 4:4:4: a plane of luma, and one with both chroma values of every pixel in turn."""
    height, width = message.height, message.width
    rows = _plane_rows(message, 2 * height)
    yuv = np.empty((height, width, 3), np.float32)
    yuv[..., 0] = rows[:height]
    yuv[..., 1:] = rows[height:].reshape(height, width, 2)
    rgb = cv2.transform(yuv, _RGB_OF_YUV)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _plane_rows(message: ImageMessage, chroma_rows: int) -> Pixels:
    """(H + chroma_rows, W): the rows of both planes, without what pads them.

    step is the length of a row of luma, padded or not, or what a pixel's row takes in all planes.
    """
    rows = message.height + chroma_rows
    data = np.frombuffer(message.data, np.uint8)
    step = max(message.step, message.width)
    if data.size < step * rows:
        step = message.width
    if data.size < step * rows:
        raise InvalidInputError(
            f"the data is truncated: {data.size} bytes, but {message.width} x {message.height} "
            f"pixels of {message.encoding} need {step * rows}"
        )
    padded = data[: step * rows].reshape(rows, step)
    return np.ascontiguousarray(padded[:, : message.width])


_RGB_OF_YUV = np.array(
    [[1.164, 0.0, 1.596], [1.164, -0.391, -0.813], [1.164, 2.018, 0.0]], np.float32
)
_RGB_OF_YUV = np.column_stack([_RGB_OF_YUV, -_RGB_OF_YUV @ np.array([16, 128, 128], np.float32)])
"""ITU-R BT.601 with luma from 16 to 235, as OpenCV has it for the other YUV encodings."""

_PLANAR: dict[str, Callable[[ImageMessage], Pixels]] = {
    "nv12": _two_planes(cv2.COLOR_YUV2RGB_NV12),
    "nv21": _two_planes(cv2.COLOR_YUV2RGB_NV21),
    "nv24": _nv24,
}
"""Encodings whose pixels lie in several planes."""

_METRES_PER_UNIT = {"16UC1": 1e-3, "32FC1": 1.0}
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
    "16uc1": _Encoding("u2", 1, _depth(_METRES_PER_UNIT["16UC1"])),
    "32fc3": _Encoding("f4", 3, _no_colour),
    "32fc1": _Encoding("f4", 1, _depth(_METRES_PER_UNIT["32FC1"])),
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
