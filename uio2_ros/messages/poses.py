"""Poses and transforms as messages and back."""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import Point, Pose, Quaternion

from uio2_ros.robot.poses import Pose3D, unit_quaternion


def pose_message(pose: Pose3D) -> Pose:
    """Position and orientation."""
    x, y, z = map(float, pose.position)
    w, i, j, k = map(float, pose.quaternion_wxyz)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=w, x=i, y=j, z=k))


def pose_of(message: Any) -> Pose3D:
    """The pose of a Pose; ValueError for numbers that are not finite or no rotation."""
    return _pose(message.position, message.orientation)


def transform_of(message: Any) -> Pose3D:
    """The child's pose in its parent, of a Transform; ValueError as `pose_of`."""
    return _pose(message.translation, message.rotation)


def _pose(place: Any, turn: Any) -> Pose3D:
    position = (float(place.x), float(place.y), float(place.z))
    if not all(map(math.isfinite, position)):
        raise ValueError(f"the position {position} is not finite")
    return Pose3D(position, unit_quaternion((turn.w, turn.x, turn.y, turn.z)))
