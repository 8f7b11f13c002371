"""The corners and the twelve edges of an oriented box, in space and in a picture. numpy only."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import quat2mat

from uio2_ros.robot.answer import Cuboid
from uio2_ros.robot.camera_model import CameraModel

Points = npt.NDArray[np.float64]

NEAREST_M = 0.05
"""What lies nearer to the camera's plane, or behind it, has no place in a picture."""
_SIGNS = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))  # (8, 3)
EDGES = np.array(
    [
        (start, end)
        for start, end in itertools.combinations(range(8), 2)
        if (_SIGNS[start] != _SIGNS[end]).sum() == 1
    ]
)
"""(12, 2): pairs of corners."""


def corners(cuboid: Cuboid) -> Points:
    """(8, 3), metres in the frame of the cuboid."""
    rotation = quat2mat(np.asarray(cuboid.quaternion_wxyz, np.float64))
    turned: Points = (_SIGNS * np.asarray(cuboid.size)) @ rotation.T
    return turned + np.asarray(cuboid.center, np.float64)


def edges(cuboid: Cuboid) -> Points:
    """(12, 2, 3): the ends of the edges."""
    return np.asarray(corners(cuboid)[EDGES], np.float64)


def projected_edges(cuboid: Cuboid, camera: CameraModel) -> Points:
    """(N, 2, 2): the ends of the edges in pixels, x y, cut off `NEAREST_M` before the camera.

    N is less than 12 where edges lie behind the camera.
    """
    seen = [end for edge in edges(cuboid) if (end := _before_camera(edge)) is not None]
    if not seen:
        return np.empty((0, 2, 2))
    return camera.project(np.array(seen))


def _before_camera(edge: Points) -> Points | None:
    """The part of a (2, 3) edge that a camera sees."""
    depth = edge[:, 2]
    if (depth >= NEAREST_M).all():
        return edge
    if (depth < NEAREST_M).all():
        return None
    part = (NEAREST_M - depth[0]) / (depth[1] - depth[0])
    cut = edge[0] + part * (edge[1] - edge[0])
    return np.array((cut, edge[1]) if depth[0] < NEAREST_M else (edge[0], cut))
