"""The emergency stop's input: it latches, and its silence is a stop where a heartbeat is expected.

This stops plans. It does not replace a stop that cuts the power.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from uio2_ros.robot.plan_errors import Cause, PlanError


class EmergencyStop:
    """Times are of the steady clock: simulated time may stand. One thread."""

    def __init__(self, heartbeat_s: float, steady_s: Callable[[], float] = time.monotonic) -> None:
        """heartbeat_s: the longest silence of the input; 0: it need not say anything."""
        self._heartbeat_s = heartbeat_s
        self._steady_s = steady_s
        self._heard_s: float | None = None
        self._says_stop = False
        self._latched: PlanError | None = None

    def hear(self, stop: bool) -> None:
        """The input speaks."""
        self.watch()  # a silence that was too long is not undone by its end
        self._heard_s, self._says_stop = self._steady_s(), stop
        if stop:
            self._latch(Cause.ESTOP, "the emergency stop was pressed (estop said true)")

    def press(self, why: str) -> None:
        """Somebody stops by other means than the input."""
        self._latch(Cause.ESTOP, f"the emergency stop was pressed ({why})")

    def watch(self) -> None:
        """Notices that the input is silent; call often."""
        if self._heard_s is not None and self._is_silent():
            self._latch(Cause.ESTOP_LOST, f"estop was silent for more than {self._heartbeat_s:g} s")

    def release(self) -> str:
        """Plans may move again. Why not, if the input still says stop or nothing; else empty."""
        if self._says_stop:
            return "estop still says true: release the button first"
        if self._is_silent():
            return f"estop is silent, and has to speak every {self._heartbeat_s:g} s"
        self._latched = None
        return ""

    @property
    def problem(self) -> PlanError | None:
        """Why nothing may move now; None if it may."""
        self.watch()
        if self._latched is None and self._is_silent():
            return PlanError(
                Cause.ESTOP_LOST,
                f"nobody has spoken on estop yet, which is expected every {self._heartbeat_s:g} s "
                "(gate.estop_heartbeat); start its publisher",
            )
        return self._latched

    def _is_silent(self) -> bool:
        if self._heartbeat_s <= 0:
            return False
        return self._heard_s is None or self._steady_s() - self._heard_s > self._heartbeat_s

    def _latch(self, cause: Cause, what: str) -> None:
        if self._latched is None or (cause is Cause.ESTOP and self._latched.cause is not cause):
            self._latched = PlanError(cause, f"{what}; call ~/release when it is safe to move")
