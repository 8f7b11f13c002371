"""Poses handed over on topics, one step at a time."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.control.commands import Command, Halt, PoseCommand
from uio2_ros.control.motion import Motion, PlanProgress
from uio2_ros.control.settings import HandOverSettings
from uio2_ros.robot.plan_errors import Cause, PlanError


class HandOver(Motion):
    """Publishes the poses of a step, and those of the next when the step is over."""

    def __init__(
        self,
        steps: Sequence[Sequence[PoseCommand]],
        settings: HandOverSettings,
        at_halt: Sequence[Command] = (),
    ) -> None:
        """at_halt: what to say besides `Halt` when the motion is to end."""
        self._steps = steps
        self._settings = settings
        self._at_halt = at_halt
        self._step = 0
        self._step_begin_s = 0.0
        self._told = False
        self._reported = False
        self._failure: PlanError | None = None

    def commands(self, now_s: float) -> Sequence[Command]:
        """The poses of a step that begins."""
        if self._told or self._step == len(self._steps):
            return []
        self._told = True
        self._reported, self._failure = False, None
        self._step_begin_s = now_s
        return self._steps[self._step]

    def halt(self, now_s: float) -> Sequence[Command]:
        del now_s
        return [Halt(), *self._at_halt]

    def progress(self, now_s: float) -> PlanProgress:
        """Goes on to the next step when this one is reported, or has had its time."""
        if self._told and self._is_over(now_s):
            self._step += 1
            self._told = False
        steps = len(self._steps)
        done = self._step >= steps
        return PlanProgress(min(self._step, steps - 1), steps, self._step / steps, done)

    def finish_step(self, now_s: float) -> bool:
        """The poses that were told are gone to, the others are not told."""
        del now_s
        begun = self._step + self._told
        self._steps = self._steps[:begun] if begun else self._steps
        return begun > 0

    def reported(self, failure: PlanError | None) -> None:
        self._reported, self._failure = True, failure

    def _is_over(self, now_s: float) -> bool:
        if self._failure is not None:
            raise self._failure
        if self._reported:
            return True
        if now_s - self._step_begin_s < self._settings.step_s:
            return False
        if self._settings.confirm:
            raise PlanError(
                Cause.TIMEOUT,
                f"nobody reported on step_done within {self._settings.step_s:g} s that step "
                f"{self._step} is over; raise hand_over.step_seconds or set hand_over.confirm to "
                "false",
            )
        return True
