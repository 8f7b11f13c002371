"""Memory that two processes share. Linux only: anonymous (memfd), so nothing is ever left behind."""

from __future__ import annotations

from uio2_ros.history.memory import Bytes


class SharedArena:
    """Shared memory that gives out buffers: a `PixelMemory`. Any thread.

    The memory has no name and no file: it ends with the last process that maps it, however that
    process ends. Pages take real memory only once written, and `free` gives them back.
    """

    def __init__(self, capacity: int = 2**30) -> None:
        """`capacity` in bytes bounds all buffers together."""
        raise NotImplementedError

    def allocate(self, size: int) -> Bytes:
        """A writable (size,) uint8 buffer; MemoryError when the arena has no room for it."""
        raise NotImplementedError

    def free(self, buffer: Bytes) -> None:
        """Takes back a buffer that `allocate` gave; ValueError for any other."""
        raise NotImplementedError

    @property
    def used(self) -> int:
        """Bytes given out."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes this side; views already made stay readable."""
        raise NotImplementedError
