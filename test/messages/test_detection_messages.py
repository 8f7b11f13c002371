"""Boxes, 3D boxes and keypoints come back as they were, and what is none is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from geometry_msgs.msg import Pose, Transform
from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox2D

from uio2_ros.messages.detections import (
    box_message,
    box_of,
    cuboids_message,
    cuboids_of,
    detections_message,
    detections_of,
    keypoints_message,
    keypoints_of,
)
from uio2_ros.messages.poses import pose_message, pose_of, transform_of
from uio2_ros.robot.answer import Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.poses import Pose3D

HEADER = Header(frame_id="camera")
HALF = (0.5, 0.5, -0.5, 0.5)


def test_everything_comes_back() -> None:
    found = (Detection(Box(1, 2, 31, 42), "cup", 0.5), Detection(Box(0, 0, 1, 1), "", 1.0))
    assert detections_of(detections_message(found, HEADER)) == found
    boxes = (Cuboid("cup", (0.5, 0.25, 1.5), (0.5, 0.25, 0.125), HALF, 0.25),)
    assert cuboids_of(cuboids_message(boxes, HEADER)) == boxes
    sets = (
        PointSet("person", Box(0, 0, 8, 8), (Point("nose", 3, 4, 0.5, False),)),
        PointSet("person", None, ()),
    )
    assert keypoints_of(keypoints_message(sets, HEADER)) == sets
    pose = Pose3D((1, 2, 3), HALF)
    assert pose_of(pose_message(pose)) == pose


def test_a_box_of_no_size_is_none() -> None:
    assert box_of(box_message(None)) is None


@pytest.mark.parametrize(
    ("size", "theta", "problem"),
    [
        ((2.0, 2.0), 0.1, r"turned by 0\.1 rad"),
        ((2.0, 0.0), 0.0, r"2\.0 x 0\.0 pixels"),
        ((-2.0, 2.0), 0.0, "give positive sizes"),
        ((math.nan, 2.0), 0.0, "not finite"),
        ((math.inf, 2.0), 0.0, "not finite"),
    ],
)
def test_what_is_no_box_is_refused(size: tuple[float, float], theta: float, problem: str) -> None:
    message = BoundingBox2D(size_x=size[0], size_y=size[1])
    message.center.theta = theta
    with pytest.raises(InvalidInputError, match=problem):
        box_of(message)


def test_a_detection_without_an_area_is_refused() -> None:
    message = detections_message((Detection(Box(1, 1, 1, 1), "cup"),), HEADER)
    with pytest.raises(InvalidInputError, match="'cup' has no area"):
        detections_of(message)


@pytest.mark.parametrize(
    ("place", "turn", "problem"),
    [
        ({"x": math.nan}, {}, "position .* not finite"),
        ({}, {"w": 0.0}, "no rotation"),
        ({}, {"w": math.inf}, "no rotation"),
    ],
)
def test_what_is_no_pose_is_refused(
    place: dict[str, Any], turn: dict[str, Any], problem: str
) -> None:
    pose, transform = Pose(), Transform()
    for name, value in place.items():
        setattr(pose.position, name, value)
        setattr(transform.translation, name, value)
    for name, value in turn.items():
        setattr(pose.orientation, name, value)
        setattr(transform.rotation, name, value)
    with pytest.raises(ValueError, match=problem):
        pose_of(pose)
    with pytest.raises(ValueError, match=problem):
        transform_of(transform)
