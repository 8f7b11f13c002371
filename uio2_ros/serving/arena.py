"""Memory that two processes share: anonymous (Linux memfd), so nothing can be left behind."""

from __future__ import annotations

import bisect
import math
import mmap
import os
import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from uio2_ros.history.memory import Bytes


class SharedArena:
    """Shared memory that gives out buffers: a `PixelMemory`. Any thread.

    The memory has no name and no file, and no limit of /dev/shm applies: it ends with the last
    process that maps it, however that process ends. Pages take real memory only once written, and
    `free` gives them back.
    """

    def __init__(self, capacity: int = 2**30) -> None:
        """`capacity` in bytes, rounded up to pages, bounds all buffers together."""
        if capacity <= 0:
            raise ValueError(f"the capacity of a shared arena is {capacity}; give > 0 bytes")
        self.capacity = _whole_pages(capacity)
        self.descriptor = os.memfd_create("uio2_ros", os.MFD_CLOEXEC)
        """The file descriptor that `ArenaView` maps in the other process."""
        self._close = weakref.finalize(self, os.close, self.descriptor)
        os.ftruncate(self.descriptor, self.capacity)
        self._map = mmap.mmap(self.descriptor, self.capacity)
        self._bytes = np.frombuffer(self._map, dtype=np.uint8)
        self._lock = threading.Lock()  # guards what follows
        self._free = [(0, self.capacity)]  # (offset, size), by offset, never adjacent
        self._taken: dict[int, int] = {}  # offset -> size in whole pages

    def allocate(self, size: int) -> Bytes:
        """A writable (size,) uint8 buffer; MemoryError when the arena has no room for it.

        ValueError for a size of 0: an empty array has no place by which to take it back.
        """
        if size <= 0:
            raise ValueError(f"a buffer of {size} bytes was asked for; give > 0")
        pages = _whole_pages(size)
        with self._lock:
            for index, (offset, room) in enumerate(self._free):
                if room >= pages:
                    rest = [(offset + pages, room - pages)] if room > pages else []
                    self._free[index : index + 1] = rest
                    self._taken[offset] = pages
                    return self._bytes[offset : offset + size]
            used = sum(self._taken.values())
        raise MemoryError(
            f"no room for {size} bytes in the shared memory of {self.capacity} bytes, of which "
            f"{used} are in use; give it a larger capacity"
        )

    def free(self, buffer: Bytes) -> None:
        """Takes back a buffer that `allocate` gave; ValueError for any other."""
        offset = self._offset(buffer)
        with self._lock:
            size = self._taken.pop(offset, None)
            if size is None:
                raise ValueError("this buffer is not one that the arena gave out")
            self._map.madvise(mmap.MADV_REMOVE, offset, size)
            self._insert_free(offset, size)

    def locate(self, array: npt.NDArray[Any]) -> int | None:
        """The offset of the array if all of it is in the arena, in C order; None otherwise."""
        offset = self._offset(array)
        inside = offset >= 0 and offset + array.nbytes <= self.capacity
        if not inside or not array.flags.c_contiguous:
            return None
        return offset

    @property
    def used(self) -> int:
        """Bytes given out, in whole pages."""
        with self._lock:
            return sum(self._taken.values())

    def close(self) -> None:
        """Closes the descriptor; arrays already made keep their memory."""
        self._close()

    def _offset(self, array: npt.NDArray[Any]) -> int:
        return int(array.ctypes.data - self._bytes.ctypes.data)

    def _insert_free(self, offset: int, size: int) -> None:
        index = bisect.bisect(self._free, (offset, 0))
        if index < len(self._free) and self._free[index][0] == offset + size:
            size += self._free.pop(index)[1]
        if index > 0 and sum(self._free[index - 1]) == offset:
            offset, size = self._free[index - 1][0], self._free[index - 1][1] + size
            self._free.pop(index - 1)
            index -= 1
        self._free.insert(index, (offset, size))


class ArenaView:
    """The arena as the other process sees it: read-only."""

    def __init__(self, descriptor: int, capacity: int) -> None:
        """Maps the arena behind a descriptor that this process inherited."""
        memory = mmap.mmap(descriptor, capacity, prot=mmap.PROT_READ)
        self._bytes = np.frombuffer(memory, dtype=np.uint8)

    def array(self, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """The array at an offset, without a copy; ValueError if the arena has no such place."""
        end = offset + math.prod(shape) * dtype.itemsize
        if not 0 <= offset <= end <= len(self._bytes):
            raise ValueError(
                f"bytes {offset} to {end} are not in the shared memory of {len(self._bytes)} bytes"
            )
        return self._bytes[offset:end].view(dtype).reshape(shape)


def _whole_pages(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
