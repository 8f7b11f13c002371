"""What is remembered as RViz markers, in the memory's frame."""

from __future__ import annotations

from collections.abc import Iterable

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from uio2_ros.messages.located import vector_message
from uio2_ros.messages.poses import pose_message
from uio2_ros.robot.located import RememberedObject

NAMESPACE = "memory"
LEAST_SIZE_M = 0.01
TEXT_HEIGHT_M = 0.03
FAINTEST = 0.15
"""How visible something is that is hardly believed in."""


def memory_markers(objects: Iterable[RememberedObject], frame_id: str, stamp: Time) -> MarkerArray:
    """A body and its name for each object, fainter the less it is believed in; nothing older."""
    header = Header(frame_id=frame_id, stamp=stamp)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for one in objects:
        color = ColorRGBA(r=0.18, g=0.80, b=0.44, a=max(FAINTEST, 0.6 * one.confidence))
        body = Marker(header=header, ns=NAMESPACE, type=Marker.CUBE, color=color)
        body.id, body.pose = 2 * one.id, pose_message(one.pose)
        x, y, z = (max(LEAST_SIZE_M, length) for length in one.size)
        body.scale = vector_message((x, y, z))
        name = Marker(header=header, ns=NAMESPACE, type=Marker.TEXT_VIEW_FACING, text=one.label)
        name.id, name.pose = 2 * one.id + 1, pose_message(one.pose)
        name.pose.position.z += max(x, y, z) / 2 + TEXT_HEIGHT_M
        name.color, name.scale = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0), Vector3(z=TEXT_HEIGHT_M)
        markers += [body, name]
    return MarkerArray(markers=markers)
