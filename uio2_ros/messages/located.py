"""What lies in space, and what is remembered of it, as messages and back."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import Point, Vector3
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray

from uio2_ros.messages.detections import box_message, box_of, cuboids_message
from uio2_ros.messages.poses import pose_message, pose_of
from uio2_ros.messages.stamps import nanoseconds_of, time_message
from uio2_ros.msg import LocatedObject as LocatedObjectMessage
from uio2_ros.msg import LocatedObjectArray, LocatedPoint
from uio2_ros.msg import RememberedObject as RememberedObjectMessage
from uio2_ros.robot.answer import Cuboid
from uio2_ros.robot.box import Box
from uio2_ros.robot.located import (
    Located,
    LocatedObject,
    RangeSource,
    RememberedObject,
)
from uio2_ros.robot.poses import Vector3 as Xyz


def located_message(located: Located, header: Header) -> LocatedObjectArray:
    """`header` is that of the picture."""
    return LocatedObjectArray(
        header=header,
        error_code=int(located.error_code),
        error_msg=located.error_msg,
        depth_offset=located.depth_offset_s,
        objects=[_object_message(one) for one in located.objects],
        points=[
            LocatedPoint(
                object=one.object,
                set=one.set,
                name=one.name,
                source=int(one.source),
                position=Point(**dict(zip("xyz", one.position, strict=True))),
            )
            for one in located.points
        ],
    )


def located_detections(message: LocatedObjectArray) -> Detection3DArray:
    """The objects whose place is known as vision_msgs has them."""
    cuboids = [
        Cuboid(one.label, one.pose.position, one.size, one.pose.quaternion_wxyz, one.score)
        for one in map(_object, message.objects)
        if one.source is not RangeSource.NONE
    ]
    return cuboids_message(cuboids, message.header)


def _object_message(one: LocatedObject) -> LocatedObjectMessage:
    return LocatedObjectMessage(
        label=one.label,
        score=float(one.score),
        box=box_message(one.box),
        source=int(one.source),
        pose=pose_message(one.pose),
        size=vector_message(one.size),
        deviation=float(one.deviation_m),
        valid=float(one.valid),
    )


def _object(message: Any) -> LocatedObject:
    return LocatedObject(
        label=message.label,
        score=message.score,
        box=box_of(message.box) or Box(0, 0, 0, 0),
        source=RangeSource(message.source),
        pose=pose_of(message.pose),
        size=_xyz(message.size),
        deviation_m=message.deviation,
        valid=message.valid,
    )


def remembered_message(one: RememberedObject) -> RememberedObjectMessage:
    """One object of the world memory."""
    header = Header(stamp=time_message(one.stamp_ns), frame_id=one.frame_id)
    picture = CompressedImage(header=header, format="jpeg" if one.picture else "")
    picture.data.frombytes(one.picture)
    return RememberedObjectMessage(
        header=header,
        id=one.id,
        label=one.label,
        confidence=float(one.confidence),
        pose=pose_message(one.pose),
        size=vector_message(one.size),
        deviation=float(one.deviation_m),
        source=int(one.source),
        age=float(one.age_s),
        sightings=one.sightings,
        missed=one.missed,
        picture=picture,
    )


def remembered_of(message: Any) -> RememberedObject:
    """The same back; ValueError for a pose that is none."""
    return RememberedObject(
        id=message.id,
        label=message.label,
        confidence=message.confidence,
        frame_id=message.header.frame_id,
        pose=pose_of(message.pose),
        size=_xyz(message.size),
        deviation_m=message.deviation,
        source=RangeSource(message.source),
        stamp_ns=nanoseconds_of(message.header.stamp),
        age_s=message.age,
        sightings=message.sightings,
        missed=message.missed,
        picture=bytes(message.picture.data),
    )


def vector_message(xyz: Xyz) -> Vector3:
    """Metres."""
    x, y, z = map(float, xyz)
    return Vector3(x=x, y=y, z=z)


def _xyz(message: Any) -> Xyz:
    return message.x, message.y, message.z
