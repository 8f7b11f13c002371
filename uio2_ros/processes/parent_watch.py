"""A node whose parent is gone must not run on unseen."""

from __future__ import annotations

import ctypes
import os
import signal

from uio2_ros.bringup import LAUNCHER_VARIABLE

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def exit_when_parent_dies() -> None:
    """Have the kernel send SIGTERM to this process when the thread that started it ends.

    Linux only; call it first thing in `main`. The kernel tells nothing of a parent that was gone
    before: for that, the launcher named in the environment is looked at once.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    launcher = os.environ.get(LAUNCHER_VARIABLE, "")
    if launcher.isdigit() and not os.path.exists(f"/proc/{launcher}"):
        os.kill(os.getpid(), signal.SIGTERM)
