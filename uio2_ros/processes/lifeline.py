"""Ending with the parent process; how a process is. Linux only; imports nothing of the package."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Asks the kernel to kill this process when the thread of `parent` that started it ends.

    SystemExit if that has happened already. OSError if the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    if os.getppid() != parent:
        sys.exit(
            f"process {parent} is not the parent of {os.getpid()}: it has ended, or the "
            "interpreter it started is a wrapper that does not exec"
        )


def is_suspended(pid: int) -> bool:
    """Whether a process is stopped by a signal or a debugger; False if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state = stat.rpartition(")")[2].split()[0]  # the name before it may hold anything
    return state in "Tt"
