"""The agent's answer as its result message and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy.typing as npt
from std_msgs.msg import Header

from uio2_ros.messages.audio import answer_sound_of, audio_message
from uio2_ros.messages.detections import (
    cuboids_message,
    cuboids_of,
    detections_message,
    detections_of,
    keypoints_message,
    keypoints_of,
)
from uio2_ros.messages.images import pixels_of
from uio2_ros.messages.pictures import picture_message
from uio2_ros.messages.plans import plan_message, plan_of
from uio2_ros.messages.stamps import nanoseconds_of
from uio2_ros.msg import InstructionResult
from uio2_ros.msg import Timings as TimingsMessage
from uio2_ros.robot.answer import Answer, Picture, Timings
from uio2_ros.robot.errors import ErrorCode, InvalidInputError
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.plan_errors import PlanError

_ENCODINGS = ("mono8", "rgb8", "32FC1", "32FC3")
"""What `picture_message` makes."""


@dataclass(frozen=True)
class AgentAnswer(Answer):
    """An answer, and the picture it is about.

    stamp_ns and frame_id are those of that picture (0 and "" without one); `message` is the
    uio2_ros/msg/InstructionResult as it came.
    """

    stamp_ns: int = 0
    frame_id: str = ""
    message: Any = field(default=None, repr=False, compare=False)


def result_message(answer: Answer, instruction: str, header: Header) -> InstructionResult:
    """The result as a message. `header` is that of the picture the answer is about."""
    return InstructionResult(
        header=header,
        error_code=int(answer.error_code),
        error_msg=answer.error_msg,
        text=answer.text,
        truncated=answer.truncated,
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


def answer_of(message: InstructionResult, task: str) -> AgentAnswer:
    """The answer in a result. InvalidInputError for parts of it that cannot be read."""
    return AgentAnswer(
        error_code=ErrorCode.of(message.error_code),
        error_msg=message.error_msg,
        task=task,
        text=message.text,
        truncated=message.truncated,
        detections=detections_of(message.detections),
        cuboids=cuboids_of(message.detections_3d),
        keypoints=keypoints_of(message.keypoints),
        pictures=_pictures(message),
        audio=tuple(map(answer_sound_of, message.audio)),
        plan=_plan(message),
        options=tuple(message.options),
        scores=tuple(map(float, message.scores)),
        timings=Timings(
            **{one.name: getattr(message.timings, one.name) for one in fields(Timings)}
        ),
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
        Picture(role, _pixels(image), label, score) for image, role, label, score in described
    )


def _pixels(image: Any) -> npt.NDArray[Any]:
    if image.encoding not in _ENCODINGS:
        raise InvalidInputError(
            f"a picture of the answer is {image.encoding!r}; expected {', '.join(_ENCODINGS)}. Is "
            "the agent newer than this client?"
        )
    return pixels_of(image)


def _plan(message: InstructionResult) -> TaskPlan | None:
    if not message.plan.steps and not message.plan.action_space:
        return None
    try:
        return plan_of(message.plan)
    except PlanError as error:
        raise InvalidInputError(f"the plan of the answer cannot be read: {error}") from error


def timings_message(timings: Timings) -> TimingsMessage:
    """Seconds, and the number of tokens."""
    numbers = asdict(timings)
    return TimingsMessage(
        tokens=int(numbers.pop("tokens")), **{n: float(s) for n, s in numbers.items()}
    )
