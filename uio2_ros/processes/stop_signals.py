"""Signals as an event, so that a node ends in its own order and without a traceback."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_signals() -> threading.Event:
    """An event that SIGINT, SIGTERM and SIGHUP set, in place of what they did. Main thread only.

    A terminal that closes sends SIGHUP; who ignores it, as nohup has it, goes on ignoring it.
    """
    asked_to_stop = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        asked_to_stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    return asked_to_stop
