"""Coordinate frames and what is known between them, as TF tells it. numpy only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import quat2mat

Pose = npt.NDArray[np.float64]  # (4, 4): from the child's coordinates to the parent's

OPTICAL_TO_UPRIGHT: Pose = np.array(
    [[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64
)
"""From an optical frame (x right, y down, z forward) to x forward, y left, z up (REP 103)."""


def pose_matrix(translation: Any, rotation: Any) -> Pose:
    """Of things with x, y, z and x, y, z, w, as in geometry_msgs; an all-zero rotation is none."""
    pose = np.eye(4)
    quaternion = (rotation.w, rotation.x, rotation.y, rotation.z)
    if any(quaternion):
        pose[:3, :3] = quat2mat(quaternion)
    pose[:3, 3] = (translation.x, translation.y, translation.z)
    return pose


class FrameTree:
    """The newest transform of each child frame to its parent."""

    def __init__(self) -> None:
        self._parents: dict[str, tuple[str, Pose]] = {}

    def add(self, transforms: Iterable[Any]) -> None:
        """The `transforms` of a tf2_msgs/TFMessage."""
        for stamped in transforms:
            moved, turned = stamped.transform.translation, stamped.transform.rotation
            parent = stamped.header.frame_id.lstrip("/")
            self._parents[stamped.child_frame_id.lstrip("/")] = parent, pose_matrix(moved, turned)

    @property
    def frames(self) -> set[str]:
        """All names."""
        return {*self._parents, *(parent for parent, _ in self._parents.values())}

    def poses_in(self, frame: str) -> dict[str, Pose]:
        """Every frame connected with `frame`, itself too, and its pose there."""
        neighbours: dict[str, list[tuple[str, Pose]]] = {}
        for child, (parent, pose) in self._parents.items():
            back: Pose = np.linalg.inv(pose).astype(np.float64)
            neighbours.setdefault(parent, []).append((child, pose))
            neighbours.setdefault(child, []).append((parent, back))
        poses = {frame: np.eye(4)}
        waiting = deque([frame])
        while waiting:
            at = waiting.popleft()
            for name, pose in neighbours.get(at, ()):
                if name not in poses:
                    poses[name] = poses[at] @ pose
                    waiting.append(name)
        return poses
