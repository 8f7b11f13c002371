"""Instructions as requests of the agent and back."""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import CompressedImage

from uio2_ros.action import Instruct, InstructAbout
from uio2_ros.messages.detections import box_message, box_of
from uio2_ros.robot.answer import Progress, Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.settings import HIGHEST

SEEDS = range(-(2**63), 2**63)
REQUEST_FIELDS = (
    "instruction",
    "task",
    "options",
    "region",
    "action_space",
    "max_age",
    "timeout",
    "seed",
)
"""Fields of an Instruct request, a goal of the action, and Asked."""


def goal_of(
    instruction: Instruction, *, max_age_s: float = 0.0, timeout_s: float = 0.0
) -> Instruct.Goal:
    """The goal of the agent's `~/instruct` action; 0 s leaves either time to the agent.

    InstructionError INVALID_REQUEST for what no goal can hold.
    """
    _check_seconds(max_age_s=max_age_s, timeout_s=timeout_s)
    return Instruct.Goal(**_asked(instruction), max_age=float(max_age_s), timeout=float(timeout_s))


def about_goal_of(
    instruction: Instruction, picture: bytes, *, timeout_s: float = 0.0
) -> InstructAbout.Goal:
    """The same of `~/instruct_about`: about a picture, a JPEG or PNG, that is sent along."""
    _check_seconds(timeout_s=timeout_s)
    sent = CompressedImage(data=picture)
    return InstructAbout.Goal(picture=sent, **_asked(instruction), timeout=float(timeout_s))


def _asked(instruction: Instruction) -> dict[str, Any]:
    """The fields of both goals that tell what is asked."""
    if instruction.seed not in SEEDS:
        raise _invalid(
            f"the seed is {instruction.seed}; give one from {SEEDS.start} to {SEEDS.stop - 1}"
        )
    _check_text(instruction.instruction, instruction.task, instruction.action_space)
    _check_text(*instruction.options)
    return {
        "instruction": instruction.instruction,
        "task": instruction.task,
        "options": list(instruction.options),
        "region": box_message(instruction.region),
        "action_space": instruction.action_space,
        "seed": instruction.seed,
    }


def instruction_of(request: Any) -> Instruction:
    """The instruction in a request or goal of Instruct, or a goal of InstructAbout.

    InstructionError INVALID_REQUEST if it is none. Whether the task exists and has what it needs
    is not checked here.
    """
    if not request.task and not request.instruction.strip():
        raise _invalid("the instruction is empty; say what to do, or name a task")
    max_age_s = getattr(request, "max_age", 0.0)  # a picture that is sent along is of any age
    _check_seconds(max_age=max_age_s, timeout=request.timeout)
    try:
        region = box_of(request.region)
    except InvalidInputError as error:
        raise _invalid(f"the region: {error}") from error
    return Instruction(
        instruction=request.instruction,
        task=request.task,
        options=tuple(request.options),
        region=region,
        action_space=request.action_space,
        seed=request.seed,
    )


def _check_text(*texts: str) -> None:
    """A string of ROS is UTF-8 and ends at its first NUL."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _invalid(
                f"{text!a} is no Unicode text ({error.reason}); is it typed in UTF-8?"
            ) from error
        if "\0" in text:
            raise _invalid(f"{text!a} has a NUL, at which messages end a text; leave it out")


def _check_seconds(**times: float) -> None:
    for name, seconds in times.items():
        if not 0 <= seconds <= HIGHEST:  # also for NaN
            raise _invalid(
                f"{name} is {seconds} s; give 0 (the agent's default) to {HIGHEST:.0f} s"
            )


def progress_of(feedback: Instruct.Feedback) -> Progress:
    """How far the agent says it is; InvalidInputError for a stage that there is not."""
    try:
        stage = Stage(feedback.stage)
    except ValueError as error:
        stages = ", ".join(stage.value for stage in Stage)
        raise InvalidInputError(
            f"the agent is at stage {feedback.stage!r}; expected {stages}. Is it newer than this "
            "client?"
        ) from error
    return Progress(stage, feedback.text, feedback.tokens, feedback.elapsed)


def _invalid(message: str) -> InstructionError:
    return InstructionError(ErrorCode.INVALID_REQUEST, message)
