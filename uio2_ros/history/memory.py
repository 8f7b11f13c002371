"""Where histories keep their pixels: ordinary memory here, shared memory in `uio2_ros.serving`."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


class PixelMemory(Protocol):
    """Gives out and takes back flat buffers; both methods may be called from any thread."""

    def allocate(self, size: int) -> Bytes:
        """A writable (size,) uint8 buffer; MemoryError when there is no room for it."""

    def free(self, buffer: Bytes) -> None:
        """Takes back a buffer that `allocate` gave and that nobody reads any more."""


class HeapMemory:
    """`PixelMemory` of ordinary process memory."""

    def allocate(self, size: int) -> Bytes:
        """A new buffer."""
        return np.empty(size, dtype=np.uint8)

    def free(self, buffer: Bytes) -> None:
        """Nothing to do: the buffer goes with its last reference."""
