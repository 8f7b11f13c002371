"""What keeps a long-lived process from growing. Linux with glibc; elsewhere it does nothing."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

M_ARENA_MAX = -8  # malloc.h
ARENAS = 1
"""Each arena keeps what its threads once needed: with one per thread, what a pool does costs its
memory anew on every thread of it. The interpreter is entered by one thread at a time anyway."""


def bound_arenas() -> None:
    """Lets all threads share glibc's arena; before the first thread starts."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Returns to the system what the arena holds and nothing uses; some milliseconds.

    What answers of different lengths leave free between what stays is not returned by itself.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def release_frames(error: BaseException) -> None:
    """Forgets where an error came from, and those it came from: frames, and what they hold.

    Whatever keeps an error that passed through its own methods is in a cycle with it, by way of the
    traceback's frames and of their callers: megabytes, until the collector comes.
    """
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        seen.add(id(one))
        one.__traceback__ = None
        origins = (one.__cause__, one.__context__)
        waiting += [origin for origin in origins if origin is not None and id(origin) not in seen]


@contextmanager
def settled() -> Iterator[None]:
    """Takes what exists now, modules above all, out of the collector's sight while inside.

    CPython collects its oldest generation when it has grown by a quarter of what it held after the
    last time: among the objects of all modules, megabytes of garbage in cycles go unnoticed. At the
    end they are in sight again, because what ROS made is in cycles: what is not collected before
    the process ends does not leave the graph, and clients go on calling its services.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # what it finds now, next to nothing, is what the quarter is taken of
    try:
        yield
    finally:
        gc.unfreeze()
