"""Lets one set-up at a time work on a checkout."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uio2_ros.cli.bootstrap.progress import StepDisplay


@contextmanager
def setup_lock(file: Path, progress: StepDisplay) -> Iterator[None]:
    """Hold the lock while the body runs; wait for another holder and say so.

    The operating system releases it when the holder dies, so a stale file locks nobody out.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note("another ./uio2 is setting up this checkout; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
