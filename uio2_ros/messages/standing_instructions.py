"""Standing instructions as goals of the agent's `~/watch` action and back."""

from __future__ import annotations

import math
from typing import Any

from uio2_ros.action import Watch
from uio2_ros.messages.instructions import REQUEST_FIELDS, goal_of, instruction_of
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.settings import HIGHEST

HIGHEST_RATE_HZ = 1000.0


def watch_goal_of(
    standing: StandingInstruction, *, max_age_s: float = 0.0, timeout_s: float = 0.0
) -> Watch.Goal:
    """The goal of the agent's `~/watch` action; times as those of `goal_of`.

    InstructionError INVALID_REQUEST for what no goal can hold.
    """
    asked = goal_of(standing.instruction, max_age_s=max_age_s, timeout_s=timeout_s)
    limit_s = 0.0 if math.isinf(standing.for_at_most_s) else float(standing.for_at_most_s)
    _check(standing.rate_hz, standing.least_score, limit_s)
    return Watch.Goal(
        **{name: getattr(asked, name) for name in REQUEST_FIELDS},
        rate=float(standing.rate_hz),
        until=int(standing.until),
        until_text=standing.until_text,
        least_score=float(standing.least_score),
        in_a_row=int(standing.in_a_row),
        for_at_most=limit_s,
    )


def standing_of(goal: Any) -> StandingInstruction:
    """The standing instruction in a goal; InstructionError INVALID_REQUEST if it is none."""
    instruction = instruction_of(goal)
    _check(goal.rate, goal.least_score, goal.for_at_most)
    if goal.until not in list(Until):
        known = ", ".join(f"{int(one)} {one.name}" for one in Until)
        raise _invalid(f"until is {goal.until}; give one of {known}")
    return StandingInstruction(
        instruction=instruction,
        rate_hz=goal.rate,
        until=Until(goal.until),
        until_text=goal.until_text,
        least_score=goal.least_score,
        in_a_row=goal.in_a_row or 1,
        for_at_most_s=goal.for_at_most or math.inf,
    )


def _check(rate_hz: float, least_score: float, for_at_most_s: float) -> None:
    """Also refuses NaN."""
    if not 0 <= rate_hz <= HIGHEST_RATE_HZ:
        raise _invalid(f"the rate is {rate_hz} Hz; give 0 (every picture) to {HIGHEST_RATE_HZ:g}")
    if not 0 <= least_score <= 1:
        raise _invalid(f"least_score is {least_score}; give 0 to 1")
    if not 0 <= for_at_most_s <= HIGHEST:
        raise _invalid(f"for_at_most is {for_at_most_s} s; give 0 (no limit) to {HIGHEST:.0f} s")


def _invalid(message: str) -> InstructionError:
    return InstructionError(ErrorCode.INVALID_REQUEST, message)
