"""Ctrl-C and SIGTERM as an event, so that a node ends in its own order and without a traceback."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set, in place of what they did. Main thread only."""
    asked_to_stop = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        asked_to_stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return asked_to_stop
