"""A plan as one goal of an action server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from uio2_ros.control.commands import Command, Goal
from uio2_ros.control.motion import Motion, PlanProgress
from uio2_ros.robot.plan_errors import PlanError


class GoalMotion(Motion):
    """Sends the goal once and waits for its result.

    A newer goal takes over at the server, so the older is neither cancelled nor finished for it.
    """

    goes_over: ClassVar[bool] = True

    def __init__(self, goal: Goal, steps: int) -> None:
        self._goal = goal
        self._steps = steps
        self._sent = False
        self._done = False
        self._fraction = 0.0
        self._failure: PlanError | None = None

    def commands(self, now_s: float) -> Sequence[Command]:
        del now_s
        if self._sent:
            return []
        self._sent = True
        return [self._goal]

    def progress(self, now_s: float) -> PlanProgress:
        del now_s
        if self._failure is not None:
            raise self._failure
        fraction = 1.0 if self._done else self._fraction
        step = min(int(fraction * self._steps), self._steps - 1)
        return PlanProgress(step, self._steps, fraction, self._done)

    def advanced(self, fraction: float) -> None:
        self._fraction = min(max(fraction, self._fraction), 1.0)

    def reported(self, failure: PlanError | None) -> None:
        self._done, self._failure = True, failure
