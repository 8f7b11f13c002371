"""A process that has settled notices its garbage soon, and has one arena."""

from __future__ import annotations

import subprocess
import sys

from uio2_ros.processes.process_memory import release_frames

GARBAGE = """
import collections, gc
import numpy, uio2_ros.tasks.registry
from contextlib import nullcontext
from uio2_ros.processes.process_memory import settled
class Knot:
    def __init__(self):
        self.itself = self
with {how}():
    before = gc.get_stats()[2]["collections"]
    window = collections.deque(maxlen=200)  # long enough to be old when they become garbage
    for _ in range(400000):
        window.append(Knot())
    print(gc.get_stats()[2]["collections"] - before)
print(gc.get_freeze_count())
"""
ARENAS = """
import ctypes, threading
from uio2_ros.processes.process_memory import bound_arenas
bound_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
places = [libc.malloc(1000)]
def take():
    places.append(libc.malloc(1000))
for _ in range(4):
    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
print(max(places) - min(places) < 64 * 2**20)
"""

HELD = """
import ctypes, os
from uio2_ros.processes.process_memory import give_back
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
places = [libc.malloc(60000) for _ in range(1000)]  # too small for pages of their own
for place in places:
    ctypes.memset(place, 1, 60000)
last = libc.malloc(60000)  # stays, so that the top of the heap does
for place in places:
    libc.free(place)
held = resident()
give_back()
print(held - resident() > 50_000_000)
"""


def output(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_old_garbage_is_collected_more_often_once_settled() -> None:
    idle = output(GARBAGE.format(how="nullcontext")).split()
    settled = output(GARBAGE.format(how="settled")).split()
    assert int(settled[0]) > int(idle[0])
    assert settled[1] == idle[1]  # in the end nothing is hidden from the collector


def test_all_threads_share_an_arena() -> None:
    assert output(ARENAS) == "True"


def test_what_nothing_uses_is_given_back() -> None:
    assert output(HELD) == "True"


def test_an_error_forgets_the_frames_of_all_that_it_came_from() -> None:
    errors = []
    try:
        try:
            raise ValueError("first")
        except ValueError as first:
            errors.append(first)
            cause = KeyError("made, never raised")
            cause.__context__ = OSError("behind it")
            raise RuntimeError("second") from cause
    except RuntimeError as second:
        second.__suppress_context__ = False
        cause.__cause__ = second  # a circle ends, too
        errors.append(second)
        release_frames(second)
    assert [error.__traceback__ for error in errors] == [None, None]
