"""One line on a terminal that tells how far an answer is, gone when it is there."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from uio2_ros.robot.answer import Progress

PERIOD_S = 0.2
"""Between two drawings of the line."""
PATIENCE_S = 1.0
"""Answers that are quicker have no line."""
CLEAR_LINE = "\r\x1b[K"


class ProgressLine:
    """Shows progress on `stream` while it is open; nothing where that is no terminal.

    `show` may be called from any one thread.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shows = stream.isatty()
        self._next_s = time.monotonic() + PATIENCE_S
        self._is_drawn = False

    def show(self, progress: Progress) -> None:
        """Draws the newest progress, not too often."""
        if not self._shows or time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + PERIOD_S
        self._is_drawn = True
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(CLEAR_LINE + described(progress)[:width])
        self._stream.flush()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_drawn:
            self._stream.write(CLEAR_LINE)
            self._stream.flush()


def described(progress: Progress) -> str:
    """For people to read: stage, tokens and their pace, and the end of what is there so far."""
    if not progress.tokens or progress.elapsed_s <= 0:
        return f"{progress.stage.value}, {progress.elapsed_s:.0f} s"
    pace = progress.tokens / progress.elapsed_s
    head = f"{progress.stage.value}, {progress.elapsed_s:.0f} s, {pace:.0f} tokens per second"
    return f"{head}: {' '.join(progress.text.split())[-60:]}" if progress.text else head
