"""What objects looked like: small pictures cut out of that which showed them. numpy, OpenCV."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.media.pictures import jpeg_of
from uio2_ros.robot.box import Box
from uio2_ros.robot.located import LocatedObject

MARGIN = 0.15
"""Around the box, as a share of its size."""
QUALITY = 90

Pixels = npt.NDArray[np.uint8]


def crops(pixels: Pixels, objects: Sequence[LocatedObject], most_pixels: int) -> tuple[bytes, ...]:
    """A JPEG of each object in an RGB picture (H, W, 3), of at most so many pixels a side.

    b"" for what the picture does not show; nothing at all for 0 pixels.
    """
    return tuple(_crop(pixels, one.box, most_pixels) for one in objects) if most_pixels else ()


def _crop(pixels: Pixels, box: Box, most_pixels: int) -> bytes:
    height, width = pixels.shape[:2]
    beside, above = MARGIN * box.size[0], MARGIN * box.size[1]
    left, right = max(0, math.floor(box.x1 - beside)), min(width, math.ceil(box.x2 + beside))
    top, bottom = max(0, math.floor(box.y1 - above)), min(height, math.ceil(box.y2 + above))
    if right <= left or bottom <= top:
        return b""
    shown = pixels[top:bottom, left:right]
    scale = most_pixels / max(shown.shape[:2])
    if scale < 1:
        size = max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale))
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    return jpeg_of(shown, QUALITY)
