"""The poses of an answer as TF frames, children of the frame the answer speaks of."""

from __future__ import annotations

import math

from geometry_msgs.msg import Pose, TransformStamped, Vector3
from std_msgs.msg import Header

from uio2_ros.messages.detections import cuboid_pose
from uio2_ros.messages.plans import plan_message, planar_message
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.plan import ActionKind, TaskPlan
from uio2_ros.robot.poses import Pose2D

_ENDS = {ActionKind.PICK_PLACE: ("pick", "place"), ActionKind.PUSH: ("push_start", "push_end")}


def answer_frames(answer: Answer, header: Header, prefix: str) -> list[TransformStamped]:
    """`<prefix>cuboid_0`, ... under the picture's frame; `pick_0`, `place_0`, `push_start_0` and
    `push_end_0` of the step with that number under the frame of the plan.

    All bear the stamp of the picture. Poses that are not finite and a parent without a name are
    left out: TF has no place for them.
    """
    frames = [
        _frame(header, f"{prefix}cuboid_{number}", cuboid_pose(cuboid))
        for number, cuboid in enumerate(answer.cuboids)
    ]
    if answer.plan is not None:
        frames += _plan_frames(answer.plan, plan_message(answer.plan, "", header).header, prefix)
    return [frame for frame in frames if _has_place(frame)]


def _plan_frames(plan: TaskPlan, header: Header, prefix: str) -> list[TransformStamped]:
    frames = []
    for number, step in enumerate(plan.steps):
        poses: tuple[Pose2D | None, ...] = (step.start, step.end)
        for name, pose in zip(_ENDS.get(step.kind, ()), poses, strict=False):
            if pose is not None:
                frames.append(_frame(header, f"{prefix}{name}_{number}", planar_message(pose)))
    return frames


def _frame(header: Header, name: str, pose: Pose) -> TransformStamped:
    frame = TransformStamped(header=header, child_frame_id=name)
    place = pose.position
    frame.transform.translation = Vector3(x=place.x, y=place.y, z=place.z)
    frame.transform.rotation = pose.orientation
    return frame


def _has_place(frame: TransformStamped) -> bool:
    moved, turned = frame.transform.translation, frame.transform.rotation
    numbers = (moved.x, moved.y, moved.z, turned.x, turned.y, turned.z, turned.w)
    return bool(frame.header.frame_id) and all(map(math.isfinite, numbers))
