"""How commands end: their exit codes, and a line that says why there is no result."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType


class Exit(IntEnum):
    """Exit codes; argparse has that of WRONG for wrong arguments."""

    DONE = 0
    FAILED = 1
    WRONG = 2
    NO_AGENT = 2
    INTERRUPTED = 130
    READER_GONE = 128 + signal.SIGPIPE


def warn(command: str, what: object) -> None:
    """A line on the standard error."""
    print(f"uio2 {command}: {what}", file=sys.stderr)


def ended(command: str, why: object, code: Exit) -> Exit:
    """The exit code of a command, after a line on the standard error that says why."""
    warn(command, why)
    return code


@contextmanager
def interrupted_by(*numbers: signal.Signals) -> Iterator[None]:
    """These signals interrupt as Ctrl-C does; one that is ignored, as by nohup, does not."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
