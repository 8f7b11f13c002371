"""Right answers as the picture that the model is to draw: the inverse of the tasks' decoders.

numpy only. What is not known is False in `known`, and is not taught.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Picture
from uio2_ros.tasks.settings import AXES, TaskSettings

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TargetPicture:
    """RGB uint8 (H, W, 3), and (H, W) where it is known; None: everywhere."""

    pixels: Pixels
    known: npt.NDArray[np.bool_] | None = None


def target_picture(picture: Picture, settings: TaskSettings) -> TargetPicture:
    """The picture to draw for one of an answer, by its role."""
    pixels = picture.pixels
    if picture.role == "depth":
        metres = np.asarray(pixels, np.float32)
        known = np.isfinite(metres) & (metres > 0)
        return TargetPicture(depth_colors(np.where(known, metres, 0), settings), known)
    if picture.role == "normals":
        normals = np.asarray(pixels, np.float32)
        known = np.asarray(np.isfinite(normals).all(axis=-1) & normals.any(axis=-1))
        return TargetPicture(normal_colors(np.where(known[..., None], normals, 0), settings), known)
    if picture.role == "mask":
        gray = np.asarray(pixels, np.uint8)
        return TargetPicture(np.repeat(gray[..., None], 3, axis=-1))
    return TargetPicture(np.asarray(pixels, np.uint8))


def depth_colors(metres: Floats, settings: TaskSettings) -> Pixels:
    """Gray (H, W, 3) of depth (H, W); what is farther than the farthest is as far."""
    part = np.clip(metres / np.float32(settings.depth_max_m), 0, 1)
    gray = _bytes(1 - part if settings.depth_near_is_white else part)
    return np.repeat(gray[..., None], 3, axis=-1)


def normal_colors(normals: Floats, settings: TaskSettings) -> Pixels:
    """(H, W, 3): each channel the component along its axis, from -1 (black) to 1."""
    channels = [
        normals[..., AXES.index(axis[1])] * np.float32(-1 if axis[0] == "-" else 1)
        for axis in settings.normal_axes.split()
    ]
    return _bytes((np.stack(channels, axis=-1) + np.float32(1)) / np.float32(2))


def _bytes(parts: Floats) -> Pixels:
    return np.rint(parts * 255).astype(np.uint8)
