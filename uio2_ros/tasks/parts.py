"""The part of an answer that a task gives to programs. numpy only.

Each function reads it out of an `Answer`, whichever process that comes from, and raises
InstructionError PARSE_FAILED where it is missing. Its return type is that of the task's methods.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.plan import Step, TaskPlan


def whole(answer: Answer) -> Answer:
    """Everything."""
    return answer


def text(answer: Answer) -> str:
    """The text."""
    return answer.text


def detections(answer: Answer) -> tuple[Detection, ...]:
    """All boxes; none is no error."""
    return answer.detections


def detection(answer: Answer) -> Detection:
    """The one box."""
    if not answer.detections:
        raise _lacks(answer, "region")
    return answer.detections[0]


def cuboids(answer: Answer) -> tuple[Cuboid, ...]:
    """All 3D boxes; none is no error."""
    return answer.cuboids


def keypoints(answer: Answer) -> tuple[PointSet, ...]:
    """The points of every object; none is no error."""
    return answer.keypoints


def scores(answer: Answer) -> dict[str, float]:
    """The score of each option."""
    if not answer.scores:
        raise _lacks(answer, "score")
    return dict(zip(answer.options, answer.scores, strict=True))


def picture(answer: Answer) -> Picture:
    """The one picture."""
    if not answer.pictures:
        raise _lacks(answer, "picture")
    return answer.pictures[0]


def mask(answer: Answer) -> Picture:
    """All masks as one, with the best of their scores."""
    first = picture(answer)
    pixels = np.maximum.reduce([one.pixels for one in answer.pictures])
    return Picture(first.role, pixels, first.label, max(one.score for one in answer.pictures))


def sound(answer: Answer) -> npt.NDArray[np.float32]:
    """The one sound: mono samples at 16 kHz."""
    if not answer.audio:
        raise _lacks(answer, "sound")
    return answer.audio[0]


def plan(answer: Answer) -> TaskPlan:
    """All steps."""
    if answer.plan is None or not answer.plan.steps:
        raise _lacks(answer, "step")
    return answer.plan


def step(answer: Answer) -> Step:
    """The first step."""
    return plan(answer).steps[0]


def _lacks(answer: Answer, what: str) -> InstructionError:
    return InstructionError(
        ErrorCode.PARSE_FAILED,
        f"the answer of {answer.task or 'free form'} has no {what}, only the text {answer.text!r}; "
        "ask again, or reword the instruction",
    )
