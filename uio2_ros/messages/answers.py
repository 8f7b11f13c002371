"""Between ROS messages and the ROS-free instruction and answer. No node, no I/O."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point as PointMessage
from geometry_msgs.msg import Pose, Quaternion, Vector3
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

from uio2_ros.messages.pictures import as_bytes, picture_message
from uio2_ros.messages.stamps import duration_message
from uio2_ros.msg import (
    ActionStep,
    AudioChunk,
    InstructionResult,
    Keypoint,
    KeypointArray,
    KeypointSet,
    Plan,
)
from uio2_ros.msg import Timings as TimingsMessage
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Point, PointSet, Timings
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

ANSWER_AUDIO_RATE = 16000
"""Hz of the sound in an `Answer`."""


def instruction_of(request: Any) -> Instruction:
    """The instruction in an Instruct request or goal; InstructionError INVALID_REQUEST if not one.

    Whether the task exists and has what it needs is not checked here.
    """
    if not request.task and not request.instruction.strip():
        raise _invalid("the instruction is empty; say what to do, or name a task")
    for name in ("max_age", "timeout"):
        seconds = getattr(request, name)
        if not (math.isfinite(seconds) and seconds >= 0):
            raise _invalid(f"{name} is {seconds} s; give 0 (the agent's default) or more")
    return Instruction(
        instruction=request.instruction,
        task=request.task,
        options=tuple(request.options),
        region=_region(request.region),
        action_space=request.action_space,
        seed=request.seed,
    )


def _region(box: BoundingBox2D) -> Box | None:
    """The region asked about; None for a box of size 0."""
    x, y = box.center.position.x, box.center.position.y
    numbers = (x, y, box.center.theta, box.size_x, box.size_y)
    if not all(math.isfinite(number) for number in numbers):
        raise _invalid(f"the region has numbers that are not finite: {numbers}")
    if box.center.theta:
        raise _invalid(f"the region is turned by {box.center.theta} rad; give an upright box")
    if box.size_x == 0 and box.size_y == 0:
        return None
    if box.size_x <= 0 or box.size_y <= 0:
        raise _invalid(
            f"the region is {box.size_x} x {box.size_y} pixels; give positive sizes, or 0 x 0 for "
            "no region"
        )
    half_x, half_y = box.size_x / 2, box.size_y / 2
    return Box(x - half_x, y - half_y, x + half_x, y + half_y)


def _invalid(message: str) -> InstructionError:
    return InstructionError(ErrorCode.INVALID_REQUEST, message)


def result_message(answer: Answer, instruction: str, header: Header) -> InstructionResult:
    """The result as a message. `header` is that of the picture the answer is about."""
    return InstructionResult(
        header=header,
        error_code=int(answer.error_code),
        error_msg=answer.error_msg,
        text=answer.text,
        detections=detections_message(answer.detections, header),
        detections_3d=cuboids_message(answer.cuboids, header),
        keypoints=keypoints_message(answer.keypoints, header),
        images=[picture_message(picture, header) for picture in answer.pictures],
        image_roles=[picture.role for picture in answer.pictures],
        image_labels=[picture.label for picture in answer.pictures],
        image_scores=[picture.score for picture in answer.pictures],
        audio=[audio_message(samples, header) for samples in answer.audio],
        plan=plan_message(answer.plan, instruction, header),
        options=list(answer.options),
        scores=list(answer.scores),
        timings=timings_message(answer.timings),
        model=answer.model,
        synthetic_weights=answer.synthetic_weights,
    )


def box_message(box: Box) -> BoundingBox2D:
    """A box in pixels."""
    message = BoundingBox2D()
    message.center.position.x, message.center.position.y = map(float, box.center)
    message.size_x, message.size_y = map(float, box.size)
    return message


def detections_message(detections: tuple[Detection, ...], header: Header) -> Detection2DArray:
    """Labelled boxes in pixels."""
    return Detection2DArray(
        header=header, detections=[_detection(found, header) for found in detections]
    )


def _detection(found: Detection, header: Header) -> Detection2D:
    return Detection2D(
        header=header,
        results=[_hypothesis(found.label, found.score)],
        bbox=box_message(found.box),
    )


def _hypothesis(label: str, score: float) -> ObjectHypothesisWithPose:
    message = ObjectHypothesisWithPose()
    message.hypothesis.class_id = label
    message.hypothesis.score = float(score)
    return message


def cuboids_message(cuboids: tuple[Cuboid, ...], header: Header) -> Detection3DArray:
    """Oriented boxes in the picture's optical frame, metres."""
    return Detection3DArray(
        header=header, detections=[_detection_3d(cuboid, header) for cuboid in cuboids]
    )


def cuboid_pose(cuboid: Cuboid) -> Pose:
    """Centre and orientation in the optical frame."""
    x, y, z = map(float, cuboid.center)
    w, i, j, k = map(float, cuboid.quaternion_wxyz)
    return Pose(position=PointMessage(x=x, y=y, z=z), orientation=Quaternion(w=w, x=i, y=j, z=k))


def cuboid_size(cuboid: Cuboid) -> Vector3:
    """Edge lengths, metres."""
    x, y, z = map(float, cuboid.size)
    return Vector3(x=x, y=y, z=z)


def _detection_3d(cuboid: Cuboid, header: Header) -> Detection3D:
    pose = cuboid_pose(cuboid)
    hypothesis = _hypothesis(cuboid.label, cuboid.score)
    hypothesis.pose.pose = pose
    return Detection3D(
        header=header,
        results=[hypothesis],
        bbox=BoundingBox3D(center=pose, size=cuboid_size(cuboid)),
    )


def keypoints_message(sets: tuple[PointSet, ...], header: Header) -> KeypointArray:
    """Named points in pixels, one set per object."""
    return KeypointArray(header=header, sets=[_keypoint_set(points) for points in sets])


def _keypoint_set(points: PointSet) -> KeypointSet:
    return KeypointSet(
        label=points.label,
        box=BoundingBox2D() if points.box is None else box_message(points.box),
        keypoints=[_keypoint(point) for point in points.points],
    )


def _keypoint(point: Point) -> Keypoint:
    return Keypoint(
        name=point.name,
        x=float(point.x),
        y=float(point.y),
        score=float(point.score),
        visible=point.visible,
    )


def plan_message(plan: TaskPlan | None, instruction: str, header: Header) -> Plan:
    """The plan, stamped like the picture, in the frame of its action space.

    An action space without a frame of its own (frame_id "") speaks of the picture's.
    """
    if plan is None:
        return Plan(header=header)
    return Plan(
        header=Header(stamp=header.stamp, frame_id=plan.frame_id or header.frame_id),
        instruction=instruction,
        action_space=plan.action_space,
        steps=[_step(step) for step in plan.steps],
    )


def _step(step: Step) -> ActionStep:
    return ActionStep(
        kind=int(step.kind),
        name=step.name,
        start=pose_message(step.start),
        end=pose_message(step.end),
        dimension_names=list(step.dimension_names),
        values=[float(value) for value in step.values],
        time_from_start=duration_message(step.time_from_start_s),
    )


def pose_message(pose: Pose2D | None) -> Pose:
    """A pose on the plane z = 0; the identity for None."""
    if pose is None:
        return Pose()
    half = pose.yaw / 2
    return Pose(
        position=PointMessage(x=float(pose.x), y=float(pose.y)),
        orientation=Quaternion(z=math.sin(half), w=math.cos(half)),
    )


def audio_message(samples: npt.NDArray[np.float32], header: Header) -> AudioChunk:
    """Mono sound at `ANSWER_AUDIO_RATE`."""
    return AudioChunk(
        header=header,
        sample_rate=ANSWER_AUDIO_RATE,
        channels=1,
        encoding=AudioChunk.F32LE,
        data=as_bytes(samples.astype("<f4")),
    )


def timings_message(timings: Timings) -> TimingsMessage:
    """Seconds, and the number of tokens."""
    return TimingsMessage(
        queue=float(timings.queue),
        preprocess=float(timings.preprocess),
        encode=float(timings.encode),
        first_token=float(timings.first_token),
        decode=float(timings.decode),
        postprocess=float(timings.postprocess),
        total=float(timings.total),
        tokens=int(timings.tokens),
    )
