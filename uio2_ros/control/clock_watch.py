"""Whether the clock by which plans are carried out still runs. Simulated time may stand."""

from __future__ import annotations


class ClockWatch:
    """Compares the clock of plans with one that never stands. One thread."""

    def __init__(self, timeout_s: float) -> None:
        """timeout_s: seconds that the clock may stand; 0: for ever."""
        self._timeout_s = timeout_s
        self._now_s = float("nan")
        self._moved_s = 0.0  # on the steady clock

    def stands(self, now_s: float, steady_s: float) -> bool:
        """Whether the clock, which shows now_s, has stood for too long; call in each period."""
        if now_s != self._now_s:
            self._now_s, self._moved_s = now_s, steady_s
        stood_s = steady_s - self._moved_s if now_s > 0 else float("inf")  # 0: it never came
        return 0 < self._timeout_s < stood_s
