"""Ctrl-C and SIGTERM as an event: a process ends in its own order and without a traceback."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Iterable
from types import FrameType

POLL_PERIOD_S = 0.02


class SignalEvent(threading.Event):
    """An event that a signal handler may set.

    The handler runs in the main thread, whatever that is doing, which may be just this: setting or
    asking an ordinary event, whose lock would then be waited for by who holds it. So no lock is
    taken, and who waits looks again and again.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_set = False
        self.set_at_s = 0.0
        """When it was set last, by time.monotonic()."""

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Sets it, for good."""
        self.set_at_s = time.monotonic()
        self._is_set = True

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is set, or for some seconds; whether it is set."""
        end_s = None if timeout is None else time.monotonic() + timeout
        while not self._is_set:
            left_s = POLL_PERIOD_S if end_s is None else end_s - time.monotonic()
            if left_s <= 0:
                break
            time.sleep(min(left_s, POLL_PERIOD_S))
        return self._is_set


STOPPING = (signal.SIGINT, signal.SIGTERM)


def end_at_signals() -> None:
    """Lets a process that has done nothing yet end at SIGINT and SIGTERM, with exit code 0.

    For a program that is about to import what takes seconds: Ctrl-C would otherwise come out of the
    import as a traceback. Main thread only.
    """

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        os._exit(0)

    for number in STOPPING:
        signal.signal(number, end)


def stop_signals(numbers: Iterable[signal.Signals] = STOPPING) -> SignalEvent:
    """An event that these signals set, in place of what they did. Main thread only.

    Once Python ends they do nothing: it would give them back to the system, which kills a process
    that has done all in order. Ctrl-C under `ros2 launch` sends a node two signals.
    """
    numbers = tuple(numbers)
    asked_to_stop = SignalEvent()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        asked_to_stop.set()

    for number in numbers:
        signal.signal(number, stop)
        atexit.register(signal.signal, number, signal.SIG_IGN)
    return asked_to_stop
