"""When the next answer is due, and how many came. Times are seconds of one clock."""

from __future__ import annotations

import math
import threading
from collections import deque

WINDOW_S = 10.0
"""Over which the rate reached is counted."""
MOST_COUNTED = 1024
"""Answers of the window that are counted: 100 per second."""


class AnswerPace:
    """The times of one standing instruction. One thread asks; any counts what was answered."""

    def __init__(self, rate_hz: float, now_s: float) -> None:
        """rate_hz: answers per second; 0: as fast as they come."""
        self._period_s = 1 / rate_hz if rate_hz else 0.0
        self._began_s = now_s
        self._lock = threading.Lock()
        self._answered_s: deque[float] = deque(maxlen=MOST_COUNTED)
        self.due_s = now_s
        """When the next question is due."""
        self._last_due_s = now_s

    def asked(self, now_s: float) -> None:
        """A question went out. One that was late by less than a period is made up for; what else
        was missed is missed."""
        self._last_due_s = self.due_s
        self.due_s = max(self.due_s + self._period_s, now_s)

    def given_up(self) -> None:
        """The question that went out last is due again."""
        self.due_s = self._last_due_s

    def postpone(self, until_s: float) -> None:
        """Nothing is due before."""
        self.due_s = max(self.due_s, until_s)

    def answered(self, now_s: float) -> None:
        """An answer came."""
        with self._lock:
            self._answered_s.append(now_s)

    def reached_hz(self, now_s: float) -> float:
        """Answers per second in the last `WINDOW_S`, or since the start; 0 without any."""
        span_s = min(WINDOW_S, now_s - self._began_s)
        with self._lock:
            count = sum(now_s - time_s < WINDOW_S for time_s in self._answered_s)
        return count / span_s if span_s > 0 else 0.0

    def is_behind(self, now_s: float) -> bool:
        """Whether, for a whole window, less than three quarters of what was asked was reached."""
        if not self._period_s or now_s - self._began_s < max(WINDOW_S, 4 * self._period_s):
            return False
        wanted = math.floor(WINDOW_S / self._period_s)
        return self.reached_hz(now_s) * WINDOW_S < 0.75 * wanted
