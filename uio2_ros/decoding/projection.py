"""The part of the picture that 3D boxes cover. numpy only."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.cuboids import MetricBoxes
from uio2_ros.decoding.quantities import Floats
from uio2_ros.robot.camera_model import CameraModel

NEAREST_M = 0.01
"""What lies nearer to the camera, or behind it, is not projected."""

_ALONG = ([0, 4], [1, 5], [2, 6], [3, 7], [0, 2], [1, 3], [4, 6], [5, 7])
_EDGES: npt.NDArray[np.int64] = np.array([*_ALONG, [0, 1], [2, 3], [4, 5], [6, 7]])
"""The pairs of corners, as `MetricBoxes.corners` numbers them, that edges join."""


def edges_ahead(boxes: MetricBoxes) -> Floats:
    """(N, 12, 2, 3): the ends of each box's edges in the optical frame, cut to what lies ahead.

    Edges that lie behind the camera altogether are NaN.
    """
    ends = boxes.corners[:, _EDGES]  # (N, 12, 2, 3)
    start, end = ends[:, :, :1], ends[:, :, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = (NEAREST_M - start[..., 2:]) / (end - start)[..., 2:]
        at_plane = start + crossing * (end - start)
    ahead = ends[..., 2:] >= NEAREST_M
    cut = np.where(ahead, ends, at_plane)
    edges: Floats = np.where(ahead.any(axis=2, keepdims=True), cut, np.nan)
    return edges


def outlines(boxes: MetricBoxes, camera: CameraModel) -> Floats:
    """(N, 4): x1 y1 x2 y2 around each box in pixels, not clipped; NaN for one behind the camera."""
    if not len(boxes.centers):
        return np.empty((0, 4))
    ends = edges_ahead(boxes).reshape(-1, 24, 3)
    u, v = np.moveaxis(camera.project(ends), -1, 0)  # (N, 24) each
    hidden = np.isnan(u)
    lowest = [np.where(hidden, np.inf, values).min(axis=1) for values in (u, v)]
    highest = [np.where(hidden, -np.inf, values).max(axis=1) for values in (u, v)]
    boxes_xyxy: Floats = np.stack([*lowest, *highest], axis=-1)
    return np.where(np.isfinite(boxes_xyxy), boxes_xyxy, np.nan)
