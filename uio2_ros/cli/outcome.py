"""How commands end: their exit codes, and a line that says why there is no result."""

from __future__ import annotations

import signal
import sys
from enum import IntEnum


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


def told(command: str, why: object, code: Exit) -> Exit:
    """The exit code of a command, after a line on the standard error that says why."""
    warn(command, why)
    return code
