"""Lets threads wake one that waits for file descriptors. Linux only."""

from __future__ import annotations

import os
import weakref


class Wakeup:
    """Something to wait for with `multiprocessing.connection.wait`. Any thread may `set`."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)

    def fileno(self) -> int:
        """Readable while set."""
        return self._descriptor

    def set(self) -> None:
        """Wakes the waiting thread, now or when it waits next."""
        os.eventfd_write(self._descriptor, 1)

    def clear(self) -> None:
        """Forgets that it was set."""
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:  # it was not set
            return
