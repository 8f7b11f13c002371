"""The agent's result message as the dataclasses of `tasks/answer.py`. No node, no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Pose
from vision_msgs.msg import BoundingBox2D, Detection2D, Detection3D

from uio2_ros.client.failures import code_of
from uio2_ros.messages.stamps import nanoseconds_of, seconds_of
from uio2_ros.msg import ActionStep, AudioChunk, InstructionResult, KeypointSet
from uio2_ros.msg import Plan as PlanMessage
from uio2_ros.msg import Timings as TimingsMessage
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet, Timings
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

_PIXELS = {"mono8": ("u1", 1), "rgb8": ("u1", 3), "32FC1": ("f4", 1), "32FC3": ("f4", 3)}
"""Of the encodings that an agent answers with: type and channels."""


@dataclass(frozen=True)
class AgentAnswer(Answer):
    """An answer, and the picture it is about.

    stamp_ns and frame_id are those of that picture (0 and "" without one); `message` is the
    uio2_ros/msg/InstructionResult as it came.
    """

    stamp_ns: int = 0
    frame_id: str = ""
    message: Any = field(default=None, repr=False, compare=False)


def answer_of(message: InstructionResult, task: str) -> AgentAnswer:
    """The answer in a result. InvalidInputError for pictures or sound that cannot be read."""
    return AgentAnswer(
        error_code=code_of(message.error_code),
        error_msg=message.error_msg,
        task=task,
        text=message.text,
        detections=tuple(map(_detection, message.detections.detections)),
        cuboids=tuple(map(_cuboid, message.detections_3d.detections)),
        keypoints=tuple(map(_points, message.keypoints.sets)),
        pictures=_pictures(message),
        audio=tuple(map(_samples, message.audio)),
        plan=_plan(message.plan),
        options=tuple(message.options),
        scores=tuple(map(float, message.scores)),
        timings=_timings(message.timings),
        model=message.model,
        synthetic_weights=message.synthetic_weights,
        stamp_ns=nanoseconds_of(message.header.stamp),
        frame_id=message.header.frame_id,
        message=message,
    )


def _pictures(message: InstructionResult) -> tuple[Picture, ...]:
    described = zip(
        message.images,
        message.image_roles,
        message.image_labels,
        message.image_scores,
        strict=True,
    )
    return tuple(
        Picture(role, pixels_of(image), label, score) for image, role, label, score in described
    )


def pixels_of(image: Any) -> npt.NDArray[Any]:
    """The pixels of a sensor_msgs/Image that an agent answered with, (H, W) or (H, W, 3)."""
    if image.encoding not in _PIXELS:
        raise InvalidInputError(
            f"a picture of the answer is {image.encoding!r}; expected {', '.join(_PIXELS)}. Is the "
            "agent newer than this client?"
        )
    kind, channels = _PIXELS[image.encoding]
    dtype = np.dtype((">" if image.is_bigendian else "<") + kind)
    row_bytes = image.width * channels * dtype.itemsize
    if len(image.data) != image.height * image.step or image.step < row_bytes:
        raise InvalidInputError(
            f"a picture of {image.width} x {image.height} ({image.encoding}) has {len(image.data)} "
            f"bytes in rows of {image.step}; expected rows of {row_bytes} or more"
        )
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)[:, :row_bytes]
    pixels = np.ascontiguousarray(rows).view(dtype).astype(dtype.newbyteorder("="), copy=False)
    shape = (image.height, image.width) if channels == 1 else (image.height, image.width, channels)
    return pixels.reshape(shape)


def _samples(chunk: AudioChunk) -> npt.NDArray[np.float32]:
    if chunk.encoding != AudioChunk.F32LE or chunk.channels != 1:
        raise InvalidInputError(
            f"sound of the answer is {chunk.encoding!r} in {chunk.channels} channels; expected "
            "F32LE in one. Is the agent newer than this client?"
        )
    return np.frombuffer(chunk.data, "<f4").astype(np.float32, copy=False)


def _box(box: BoundingBox2D) -> Box:
    x, y = box.center.position.x, box.center.position.y
    half_x, half_y = box.size_x / 2, box.size_y / 2
    return Box(x - half_x, y - half_y, x + half_x, y + half_y)


def _detection(found: Detection2D) -> Detection:
    hypothesis = found.results[0].hypothesis
    return Detection(_box(found.bbox), hypothesis.class_id, hypothesis.score)


def _cuboid(found: Detection3D) -> Cuboid:
    hypothesis = found.results[0].hypothesis
    center, turn = found.bbox.center.position, found.bbox.center.orientation
    size = found.bbox.size
    return Cuboid(
        label=hypothesis.class_id,
        center=(center.x, center.y, center.z),
        size=(size.x, size.y, size.z),
        quaternion_wxyz=(turn.w, turn.x, turn.y, turn.z),
        score=hypothesis.score,
    )


def _points(points: KeypointSet) -> PointSet:
    box = points.box
    return PointSet(
        label=points.label,
        box=_box(box) if box.size_x or box.size_y else None,
        points=tuple(
            Point(point.name, point.x, point.y, point.score, point.visible)
            for point in points.keypoints
        ),
    )


def _plan(plan: PlanMessage) -> TaskPlan | None:
    if not plan.steps and not plan.action_space:
        return None
    return TaskPlan(plan.action_space, tuple(map(_step, plan.steps)), plan.header.frame_id)


def _step(step: ActionStep) -> Step:
    kind = ActionKind(step.kind)
    has_poses = kind in (ActionKind.PICK_PLACE, ActionKind.PUSH)
    return Step(
        kind=kind,
        name=step.name,
        start=_pose(step.start) if has_poses else None,
        end=_pose(step.end) if has_poses else None,
        dimension_names=tuple(step.dimension_names),
        values=tuple(step.values),
        time_from_start_s=seconds_of(step.time_from_start),
    )


def _pose(pose: Pose) -> Pose2D:
    """Poses of steps are turned about z only."""
    turn = pose.orientation
    return Pose2D(pose.position.x, pose.position.y, 2 * math.atan2(turn.z, turn.w))


def _timings(timings: TimingsMessage) -> Timings:
    return Timings(
        queue=timings.queue,
        preprocess=timings.preprocess,
        encode=timings.encode,
        first_token=timings.first_token,
        decode=timings.decode,
        postprocess=timings.postprocess,
        total=timings.total,
        tokens=timings.tokens,
    )
