"""Instructions as requests of the agent and back."""

from __future__ import annotations

import math

from uio2_ros.action import Instruct
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction

SEEDS = range(-(2**63), 2**63)


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
    for name, seconds in (("max_age_s", max_age_s), ("timeout_s", timeout_s)):
        if not (math.isfinite(seconds) and seconds >= 0):
            raise _invalid(f"{name} is {seconds}; give 0 (the agent's default) or more")
    goal = Instruct.Goal(
        instruction=instruction.instruction,
        task=instruction.task,
        options=list(instruction.options),
        action_space=instruction.action_space,
        max_age=float(max_age_s),
        timeout=float(timeout_s),
        seed=instruction.seed,
    )
    if instruction.region is not None:
        center, size = instruction.region.center, instruction.region.size
        goal.region.center.position.x, goal.region.center.position.y = map(float, center)
        goal.region.size_x, goal.region.size_y = map(float, size)
    return goal


def _invalid(message: str) -> InstructionError:
    return InstructionError(ErrorCode.INVALID_REQUEST, message)
