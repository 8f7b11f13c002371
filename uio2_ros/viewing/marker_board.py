"""RViz markers as shapes, with the semantics of RViz' MarkerArray display. No ROS.

Messages are anything with the fields of visualization_msgs, such as those of a recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.messages.poses import pose_of
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.poses import Pose3D
from uio2_ros.viewing.shapes import (
    Faces,
    Label,
    Line,
    Points,
    Rgba,
    Shape,
    arrow,
    box,
    dots,
    transformed,
)

Matrix = npt.NDArray[np.float64]


class MarkerKind(IntEnum):
    """Types of visualization_msgs/Marker."""

    ARROW = 0
    CUBE = 1
    SPHERE = 2
    CYLINDER = 3
    LINE_STRIP = 4
    LINE_LIST = 5
    CUBE_LIST = 6
    SPHERE_LIST = 7
    POINTS = 8
    TEXT_VIEW_FACING = 9
    TRIANGLE_LIST = 11


class MarkerAction(IntEnum):
    """Actions of visualization_msgs/Marker."""

    ADD = 0
    DELETE = 2
    DELETEALL = 3


class MarkerBoard:
    """What a display shows after the arrays it was given: markers by namespace and id."""

    def __init__(self) -> None:
        self._markers: dict[tuple[str, int], Any] = {}

    def update(self, array: Any) -> None:
        """Takes a visualization_msgs/MarkerArray; DELETEALL without a namespace is for all."""
        for marker in array.markers:
            key = marker.ns, marker.id
            if marker.action == MarkerAction.ADD:
                self._markers[key] = marker
            elif marker.action == MarkerAction.DELETE:
                self._markers.pop(key, None)
            elif marker.action == MarkerAction.DELETEALL:
                self._delete_all(marker.ns)
            else:
                raise InvalidInputError(
                    f"marker action {marker.action} is unknown; expected 0, 2, 3"
                )

    def _delete_all(self, namespace: str) -> None:
        kept = {key: m for key, m in self._markers.items() if namespace and key[0] != namespace}
        self._markers = kept

    def shapes(self) -> list[tuple[str, Shape]]:
        """What is shown: frames, and shapes in them. InvalidInputError for kinds not drawn here."""
        return [
            (marker.header.frame_id.lstrip("/"), shape)
            for marker in self._markers.values()
            for shape in marker_shapes(marker)
        ]


def marker_shapes(marker: Any) -> Iterable[Shape]:
    """The shapes of one marker, in its header's frame."""
    try:
        kind = MarkerKind(marker.type)
    except ValueError as error:
        raise InvalidInputError(
            f"marker {marker.ns}/{marker.id} has type {marker.type}, which is not drawn here; "
            f"expected one of {', '.join(kind.name for kind in MarkerKind)}"
        ) from error
    pose = _pose(marker.pose)
    color, size = _color(marker.color), (marker.scale.x, marker.scale.y, marker.scale.z)
    points = transformed(_points(marker.points), pose)
    if kind is MarkerKind.ARROW:
        return _arrow(marker, pose, points, color)
    if kind in (MarkerKind.CUBE, MarkerKind.CYLINDER):
        return [box(pose, size, color)]
    if kind is MarkerKind.CUBE_LIST:
        return [box(_at(pose, point), size, color) for point in points]
    if kind is MarkerKind.TEXT_VIEW_FACING:
        return [Label(pose[None, :3, 3], marker.text, color)]
    if kind is MarkerKind.LINE_STRIP:
        return [Line(points, color, marker.scale.x)]
    if kind is MarkerKind.LINE_LIST:
        return [Line(pair, color, marker.scale.x) for pair in points.reshape(-1, 2, 3)]
    if kind is MarkerKind.TRIANGLE_LIST:
        return [Faces(points.reshape(-1, 3, 3), color)]
    places = pose[None, :3, 3] if kind is MarkerKind.SPHERE else points
    return [dots(places, color, marker.scale.x)]


def _pose(pose: Any) -> Matrix:
    """InvalidInputError for one that is none; where no orientation is given it is the identity."""
    place, turn = pose.position, pose.orientation
    if not any((turn.w, turn.x, turn.y, turn.z)):
        return Pose3D((place.x, place.y, place.z)).matrix
    try:
        return pose_of(pose).matrix
    except ValueError as error:
        raise InvalidInputError(f"a marker's pose cannot be drawn: {error}") from error


def _arrow(marker: Any, pose: Matrix, points: Points, color: Rgba) -> list[Shape]:
    """From point to point with diameters x and y; or along x of its pose, `scale.x` long."""
    scale = marker.scale
    if len(points) == 2:
        return arrow(points[0], points[1], color, scale.x, scale.y)
    start = pose[:3, 3]
    return arrow(start, start + scale.x * pose[:3, 0], color, scale.y, 2 * scale.y)


def _at(pose: Matrix, point: npt.NDArray[np.float64]) -> Matrix:
    moved: Matrix = pose.copy()
    moved[:3, 3] = point
    return moved


def _points(points: Iterable[Any]) -> Points:
    places = [(point.x, point.y, point.z) for point in points]
    return np.asarray(np.array(places, np.float64).reshape(-1, 3), np.float64)


def _color(color: Any) -> Rgba:
    return (float(color.r), float(color.g), float(color.b), float(color.a))
