"""Boxes, 3D boxes and keypoints as messages and back. Pixels of the original picture; metres."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from geometry_msgs.msg import Pose, Vector3
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    BoundingBox3D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    ObjectHypothesisWithPose,
)

from uio2_ros.messages.poses import pose_message, pose_of
from uio2_ros.msg import Keypoint, KeypointArray, KeypointSet
from uio2_ros.robot.answer import Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.poses import Pose3D


def box_message(box: Box | None) -> BoundingBox2D:
    """A box in pixels; one of size 0 for None."""
    message = BoundingBox2D()
    if box is not None:
        message.center.position.x, message.center.position.y = map(float, box.center)
        message.size_x, message.size_y = map(float, box.size)
    return message


def box_of(message: Any) -> Box | None:
    """The box of a BoundingBox2D, None for one of size 0 x 0.

    InvalidInputError for numbers that are not finite, a turned box, and sizes that are no box's.
    """
    x, y = message.center.position.x, message.center.position.y
    numbers = (x, y, message.center.theta, message.size_x, message.size_y)
    if not all(map(math.isfinite, numbers)):
        raise InvalidInputError(f"the box has numbers that are not finite: {numbers}")
    if message.center.theta:
        raise InvalidInputError(
            f"the box is turned by {message.center.theta} rad; give an upright box"
        )
    if message.size_x == 0 == message.size_y:
        return None
    if message.size_x <= 0 or message.size_y <= 0:
        raise InvalidInputError(
            f"the box is {message.size_x} x {message.size_y} pixels; give positive sizes, or 0 x 0 "
            "for no box"
        )
    half_x, half_y = message.size_x / 2, message.size_y / 2
    return Box(x - half_x, y - half_y, x + half_x, y + half_y)


def detections_message(detections: Iterable[Detection], header: Header) -> Detection2DArray:
    """Labelled boxes in pixels."""
    return Detection2DArray(
        header=header,
        detections=[
            Detection2D(
                header=header,
                results=[_hypothesis(found.label, found.score)],
                bbox=box_message(found.box),
                id=found.track,
            )
            for found in detections
        ],
    )


def detections_of(message: Any) -> tuple[Detection, ...]:
    """The detections of a Detection2DArray; InvalidInputError for one without an area."""
    return tuple(map(_detection, message.detections))


def _detection(message: Any) -> Detection:
    box, hypothesis = box_of(message.bbox), message.results[0].hypothesis
    if box is None:
        raise InvalidInputError(f"the box of {hypothesis.class_id!r} has no area")
    return Detection(box, hypothesis.class_id, hypothesis.score, message.id)


def _hypothesis(label: str, score: float) -> ObjectHypothesisWithPose:
    message = ObjectHypothesisWithPose()
    message.hypothesis.class_id = label
    message.hypothesis.score = float(score)
    return message


def cuboids_message(cuboids: Iterable[Cuboid], header: Header) -> Detection3DArray:
    """Oriented boxes in the picture's optical frame, metres."""
    return Detection3DArray(
        header=header, detections=[_cuboid_message(cuboid, header) for cuboid in cuboids]
    )


def cuboid_pose(cuboid: Cuboid) -> Pose:
    """Centre and orientation in the optical frame."""
    return pose_message(Pose3D(cuboid.center, cuboid.quaternion_wxyz))


def cuboid_size(cuboid: Cuboid) -> Vector3:
    """Edge lengths, metres."""
    x, y, z = map(float, cuboid.size)
    return Vector3(x=x, y=y, z=z)


def _cuboid_message(cuboid: Cuboid, header: Header) -> Detection3D:
    pose = cuboid_pose(cuboid)
    hypothesis = _hypothesis(cuboid.label, cuboid.score)
    hypothesis.pose.pose = pose
    return Detection3D(
        header=header,
        results=[hypothesis],
        bbox=BoundingBox3D(center=pose, size=cuboid_size(cuboid)),
        id=cuboid.track,
    )


def cuboids_of(message: Any) -> tuple[Cuboid, ...]:
    """The boxes of a Detection3DArray; InvalidInputError for a pose that is none."""
    return tuple(map(_cuboid, message.detections))


def _cuboid(message: Any) -> Cuboid:
    hypothesis, size = message.results[0].hypothesis, message.bbox.size
    try:
        pose = pose_of(message.bbox.center)
    except ValueError as error:
        raise InvalidInputError(f"the 3D box of {hypothesis.class_id!r}: {error}") from error
    return Cuboid(
        label=hypothesis.class_id,
        center=pose.position,
        size=(size.x, size.y, size.z),
        quaternion_wxyz=pose.quaternion_wxyz,
        score=hypothesis.score,
        track=message.id,
    )


def keypoints_message(sets: Iterable[PointSet], header: Header) -> KeypointArray:
    """Named points in pixels, one set per object."""
    return KeypointArray(header=header, sets=[_keypoint_set(points) for points in sets])


def _keypoint_set(points: PointSet) -> KeypointSet:
    return KeypointSet(
        label=points.label,
        box=box_message(points.box),
        keypoints=[
            Keypoint(
                name=point.name,
                x=float(point.x),
                y=float(point.y),
                score=float(point.score),
                visible=point.visible,
            )
            for point in points.points
        ],
    )


def keypoints_of(message: Any) -> tuple[PointSet, ...]:
    """The sets of a KeypointArray."""
    return tuple(
        PointSet(
            label=points.label,
            box=box_of(points.box),
            points=tuple(
                Point(point.name, point.x, point.y, point.score, point.visible)
                for point in points.keypoints
            ),
        )
        for points in message.sets
    )
