"""What is seen, in space: objects and points with the range they have and how it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.poses import Pose3D, Vector3


class RangeSource(IntEnum):
    """How it is known how far something is; the numbers of `uio2_ros/msg/LocatedObject`."""

    NONE = 0
    DEPTH = 1
    PLANE = 2
    MODEL = 3


@dataclass(frozen=True)
class LocatedObject:
    """One object of an answer. pose is that of its centre; size in metres along the pose's axes.

    Without a source, pose and size mean nothing. deviation_m: the standard deviation to expect of
    the centre. valid: share of the box's pixels whose depth is known. is_cut: whether the picture's
    edge cuts it off, so that centre and size are those of a part.
    """

    label: str
    score: float
    box: Box  # pixels
    source: RangeSource = RangeSource.NONE
    pose: Pose3D = field(default_factory=Pose3D)
    size: Vector3 = (0.0, 0.0, 0.0)
    deviation_m: float = 0.0
    valid: float = 0.0
    is_cut: bool = False


@dataclass(frozen=True)
class LocatedKeypoint:
    """One keypoint of an answer, metres, on the surface that is seen. `set` counts from 0."""

    object: str
    set: int
    name: str
    source: RangeSource = RangeSource.NONE
    position: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Located:
    """The boxes and points of an answer in the optical frame of its picture.

    depth_offset_s: from the picture to the depth that was used; NaN without depth. The error says
    why depth was of no use.
    """

    objects: tuple[LocatedObject, ...] = ()
    points: tuple[LocatedKeypoint, ...] = ()
    depth_offset_s: float = math.nan
    error_code: ErrorCode = ErrorCode.NONE
    error_msg: str = ""


@dataclass(frozen=True)
class RememberedObject:
    """One object of the world memory; pose and size as in `LocatedObject`, in the frame `frame_id`.

    stamp_ns: when it was last seen; age_s: how long ago that was. missed: how often in a row its
    place was in view without it. picture: a JPEG of what was seen, b"" where none was asked for.
    """

    id: int
    label: str
    confidence: float
    frame_id: str
    pose: Pose3D
    size: Vector3
    deviation_m: float
    source: RangeSource
    stamp_ns: int
    age_s: float
    sightings: int = 1
    missed: int = 0
    picture: bytes = b""
