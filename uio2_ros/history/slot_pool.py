"""Reuse of equally large pixel buffers under a bound in bytes. numpy only."""

from __future__ import annotations

from uio2_ros.history.memory import Bytes, PixelMemory


class SlotPool:
    """Buffers taken from a `PixelMemory` and reused; its owner serialises the calls.

    Spare buffers of another size than the one asked for are freed first: after a change of
    resolution the old slots go.
    """

    def __init__(self, memory: PixelMemory, max_bytes: int, keep: int | None = None) -> None:
        """Buffers given back beyond `keep` in all are freed; None keeps every one."""
        self._memory = memory
        self._keep = keep
        self._max_bytes = max_bytes
        self._spare: list[Bytes] = []
        self.total_bytes = 0
        """Bytes of all buffers, spare ones included."""

    def take(self, size: int) -> Bytes | None:
        """A buffer of `size` bytes, or None if the bound or the memory does not allow it."""
        if self._spare and self._spare[-1].size != size:
            self.drain()
        if self._spare:
            return self._spare.pop()
        if self.total_bytes + size > self._max_bytes:
            return None
        try:
            buffer = self._memory.allocate(size)
        except MemoryError:
            return None
        self.total_bytes += size
        return buffer

    def make_ready(self, size: int) -> None:
        """One more spare buffer of `size`, its pages touched, if fewer than `keep` exist and bound
        and memory allow it."""
        if self._keep is None or (self._spare and self._spare[-1].size != size):
            return
        if self.total_bytes + size > min(self._keep * size, self._max_bytes):
            return
        try:
            buffer = self._memory.allocate(size)
        except MemoryError:
            return
        buffer.fill(0)
        self.total_bytes += size
        self._spare.append(buffer)

    def give_back(self, buffer: Bytes) -> None:
        """Keeps a buffer for the next `take` of its size."""
        other_size = bool(self._spare) and self._spare[-1].size != buffer.size
        too_many = self._keep is not None and self.total_bytes > self._keep * buffer.size
        if other_size or too_many:
            self._free(buffer)
        else:
            self._spare.append(buffer)

    def drain(self) -> None:
        """Frees the spare buffers."""
        while self._spare:
            self._free(self._spare.pop())

    def _free(self, buffer: Bytes) -> None:
        self.total_bytes -= buffer.size
        self._memory.free(buffer)
