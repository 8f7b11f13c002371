"""Instructions as requests of the agent and back."""

from __future__ import annotations

from typing import Any

from uio2_ros.action import Instruct
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
    if instruction.seed not in SEEDS:
        raise _invalid(
            f"the seed is {instruction.seed}; give one from {SEEDS.start} to {SEEDS.stop - 1}"
        )
    _check_seconds(max_age_s=max_age_s, timeout_s=timeout_s)
    return Instruct.Goal(
        instruction=instruction.instruction,
        task=instruction.task,
        options=list(instruction.options),
        region=box_message(instruction.region),
        action_space=instruction.action_space,
        max_age=float(max_age_s),
        timeout=float(timeout_s),
        seed=instruction.seed,
    )


def instruction_of(request: Any) -> Instruction:
    """The instruction in an Instruct request or goal; InstructionError INVALID_REQUEST if not one.

    Whether the task exists and has what it needs is not checked here.
    """
    if not request.task and not request.instruction.strip():
        raise _invalid("the instruction is empty; say what to do, or name a task")
    _check_seconds(max_age=request.max_age, timeout=request.timeout)
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
