"""What RViz shows of the gate: the workspace, and why a plan was refused, where it was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from uio2_ros.control import Cause, PlanError
from uio2_ros.control.gate.workspace import Workspace, Zone

RED = ColorRGBA(r=0.90, g=0.10, b=0.10, a=1.0)
GREY = ColorRGBA(r=0.70, g=0.70, b=0.70, a=1.0)
GLASS = ColorRGBA(r=0.90, g=0.10, b=0.10, a=0.2)
LINE_WIDTH_M = 0.01
TEXT_HEIGHT_M = 0.04


def gate_markers(workspace: Workspace, error: PlanError | None, frame_id: str) -> MarkerArray:
    """The zones and, if there is one, the newest refusal; frame_id: of what has no place."""
    clear = _marker(frame_id, "")  # Foxglove makes a frame of an empty name
    clear.action = Marker.DELETEALL
    markers = [clear]
    markers += [_zone(zone, kept_out=True) for zone in workspace.keep_out]
    markers += [_zone(workspace.box, kept_out=False)] if workspace.box else []
    markers += [] if error is None else list(_refusal(error, frame_id))
    for number, marker in enumerate(markers):
        marker.id = number
    return MarkerArray(markers=markers)


def _zone(zone: Zone, *, kept_out: bool) -> Marker:
    """A body where nothing may be; the edges of the box that is not left."""
    marker = _marker(zone.frame_id, "keep_out" if kept_out else "workspace")
    low, high = np.array(zone.low), np.array(zone.high)
    if kept_out:
        marker.type, marker.color = Marker.CUBE, GLASS
        center, size = (low + high) / 2, high - low
        marker.pose.position = _point(center)
        marker.scale.x, marker.scale.y, marker.scale.z = map(float, size)
        return marker
    marker.type, marker.color = Marker.LINE_LIST, GREY
    marker.scale.x = LINE_WIDTH_M
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, 8).T
    for index, corner in enumerate(corners):
        for axis in (1, 2, 4):
            if not index & axis:
                marker.points += [_point(corner), _point(corners[index | axis])]
    return marker


def _refusal(error: PlanError, frame_id: str) -> Iterator[Marker]:
    """The text, and the way or place that it is about."""
    where = error.where
    frame_id = where.frame_id if where is not None else frame_id
    points = where.points if where is not None else ()
    color = GREY if error.cause is Cause.DRY_RUN else RED
    text = _marker(frame_id, "refused")
    text.type, text.color, text.text = Marker.TEXT_VIEW_FACING, color, str(error)
    text.scale.z = TEXT_HEIGHT_M
    text.pose.position = _point(points[-1] if points else (0.0, 0.0, 0.0))
    yield text
    if points:
        line = _marker(frame_id, "would_move" if error.cause is Cause.DRY_RUN else "refused_way")
        line.type = Marker.LINE_STRIP if len(points) > 1 else Marker.SPHERE_LIST
        line.color = color
        line.scale.x = line.scale.y = line.scale.z = LINE_WIDTH_M * (1 if len(points) > 1 else 3)
        line.points = [_point(point) for point in points]
        yield line


def _marker(frame_id: str, namespace: str) -> Marker:
    marker = Marker(ns=namespace, action=Marker.ADD)
    marker.header.frame_id = frame_id
    marker.pose.orientation.w = 1.0
    return marker


def _point(place: npt.ArrayLike) -> Point:
    x, y, z = np.asarray(place, dtype=float).tolist()
    return Point(x=x, y=y, z=z)
