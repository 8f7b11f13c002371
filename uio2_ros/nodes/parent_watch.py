"""A node whose parent is gone must not run on unseen."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def exit_when_parent_dies() -> None:
    """Have the kernel send SIGTERM to this process when the thread that started it ends.

    Linux only. Call it first thing in `main`: a parent that died before is not noticed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
