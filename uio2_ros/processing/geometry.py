"""Where pixels of the original picture lie on the model's padded canvas, and back. numpy only.

Coordinates come as (..., 2 k) arrays of alternating y and x: points are (y, x), boxes
(y1, x1, y2, x2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.errors import InvalidInputError


@dataclass(frozen=True)
class ImageInfo:
    """How a picture was letterboxed; the 11 numbers of `image_info` (model.md section 2) in order.

    The offsets are the crop of the training augmentation and zero otherwise.
    """

    top: float
    left: float
    inverse_scale: float
    height: float
    width: float
    relative_offset_y: float
    relative_offset_x: float
    offset_y: float
    offset_x: float
    scaled_height: float
    scaled_width: float

    @classmethod
    def from_array(cls, values: npt.NDArray[np.float32]) -> ImageInfo:
        """The record stored in `Example.image_info`."""
        if values.shape != (11,):
            raise InvalidInputError(f"image_info has 11 numbers, got shape {values.shape}")
        return cls(*(float(value) for value in values))

    def to_array(self) -> npt.NDArray[np.float32]:
        """The record of an example: (11,) float32, see `from_array`."""
        return np.array(astuple(self), np.float32)

    @property
    def scaled_shape(self) -> tuple[int, int]:
        """Height and width of the picture on the canvas."""
        return int(self.scaled_height), int(self.scaled_width)

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column of the picture's first pixel on the canvas."""
        return int(self.top), int(self.left)


def letterbox(height: int, width: int, canvas: tuple[int, int]) -> ImageInfo:
    """Fit a picture into a canvas (height, width): scaled as large as it fits, centred.

    Scale and products are float32 before they are cut to integers, as in training; a side that
    would vanish keeps one pixel.
    """
    scale = _scale(height, width, canvas)
    scaled_height = max(1, int(np.float32(height) * scale))
    scaled_width = max(1, int(np.float32(width) * scale))
    return ImageInfo(
        top=(canvas[0] - scaled_height) // 2,
        left=(canvas[1] - scaled_width) // 2,
        inverse_scale=float(np.float32(1) / scale),
        height=height,
        width=width,
        relative_offset_y=0.0,
        relative_offset_x=0.0,
        offset_y=0.0,
        offset_x=0.0,
        scaled_height=scaled_height,
        scaled_width=scaled_width,
    )


def _scale(height: float, width: float, canvas: tuple[int, int]) -> np.float32:
    """Canvas pixels per picture pixel."""
    return min(
        np.float32(canvas[0]) / np.float32(height), np.float32(canvas[1]) / np.float32(width)
    )


def to_pixels(
    values_yx: npt.ArrayLike, info: ImageInfo, canvas: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Pixels of the original picture from values in [0, 1] of the canvas, clipped to the picture.

    values_yx: (..., 2 k), the values of location tokens. Gives the same shape.
    """
    values = np.asarray(values_yx, np.float64)
    pairs = values.reshape(*values.shape[:-1], -1, 2)  # (..., k, 2)
    corner = np.array([info.top - info.offset_y, info.left - info.offset_x])
    pixels = (pairs * np.asarray(canvas) - corner) * info.inverse_scale
    clipped: npt.NDArray[np.float64] = np.clip(pixels, 0, [info.height, info.width])
    return clipped.reshape(values.shape)


def to_canvas(
    pixels_yx: npt.ArrayLike, info: ImageInfo, canvas: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Values in [0, 1] of the canvas from pixels of the original picture, clipped to the canvas.

    pixels_yx: (..., 2 k). Gives the same shape in float32, as in training.
    """
    pixels = np.asarray(pixels_yx, np.float32)
    pairs = pixels.reshape(*pixels.shape[:-1], -1, 2)  # (..., k, 2)
    scale = _scale(info.height, info.width, canvas)
    corner = np.array([info.top - info.offset_y, info.left - info.offset_x], np.float32)
    limits = np.asarray(canvas, np.float32)
    placed: npt.NDArray[np.float32] = np.clip(pairs * scale + corner, np.float32(0), limits)
    return (placed / limits).reshape(pixels.shape)


def checked_region(
    region_xyxy: Sequence[float], height: int, width: int
) -> tuple[float, float, float, float]:
    """The region as y1, x1, y2, x2, cut to the picture.

    region_xyxy: x1, y1, x2, y2 in pixels. Raises InvalidInputError for a region that is not four
    finite numbers, is empty or inverted, or lies outside the picture.
    """
    if len(region_xyxy) != 4 or not np.isfinite(np.asarray(region_xyxy, np.float64)).all():
        raise InvalidInputError(
            f"region must be four finite numbers x1, y1, x2, y2 in pixels, got {list(region_xyxy)}"
        )
    x1, y1, x2, y2 = (float(value) for value in region_xyxy)
    if x1 >= x2 or y1 >= y2:
        raise InvalidInputError(
            f"region {x1}, {y1}, {x2}, {y2} is empty or inverted; expected x1 < x2 and y1 < y2"
        )
    if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise InvalidInputError(
            f"region {x1}, {y1}, {x2}, {y2} lies outside the picture of {width} x {height} pixels"
        )
    return max(y1, 0.0), max(x1, 0.0), min(y2, height), min(x2, width)
