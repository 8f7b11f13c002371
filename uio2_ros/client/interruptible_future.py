"""A future whose waits Ctrl-C always ends."""

from __future__ import annotations

import math
import time
from concurrent import futures
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

LONGEST_WAIT_S = 0.5
"""How long Ctrl-C may go unnoticed, at worst."""


class InterruptibleFuture(Future[T]):
    """Waits again and again: of a signal that comes just before it waits for a lock, or that the
    system gives to another thread, Python takes no notice until that wait is over.
    """

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the outcome, for so many seconds at most; whether it is there."""
        end_s = math.inf if timeout is None else time.monotonic() + timeout
        while not self.done() and (left_s := end_s - time.monotonic()) > 0:
            futures.wait([self], min(left_s, LONGEST_WAIT_S))
        return self.done()

    def result(self, timeout: float | None = None) -> T:
        """As that of every future."""
        self.wait(timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As that of every future."""
        self.wait(timeout)
        return super().exception(0)
