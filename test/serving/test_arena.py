"""Memory shared by two processes."""

from __future__ import annotations

import mmap
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.serving import SharedArena
from uio2_ros.serving.arena import ArenaView

PAGE = mmap.PAGESIZE


def test_other_side_reads_what_was_written_without_a_copy() -> None:
    arena = SharedArena(16 * PAGE)
    view = ArenaView(arena.descriptor, arena.capacity)
    pixels = arena.allocate(2 * 3 * 3).reshape(2, 3, 3)
    place = arena.locate(pixels)
    assert place is not None
    seen = view.array(place, pixels.shape, pixels.dtype)
    pixels[:] = np.arange(18).reshape(2, 3, 3)
    np.testing.assert_array_equal(seen, pixels)
    assert not seen.flags.writeable


def test_arrays_elsewhere_or_with_strides_are_not_located() -> None:
    arena = SharedArena(16 * PAGE)
    pixels = arena.allocate(64).reshape(8, 8)
    assert arena.locate(np.zeros(4)) is None
    assert arena.locate(pixels[:, ::2]) is None
    assert arena.locate(pixels[2:5]) is not None


@pytest.mark.parametrize(
    ("offset", "shape"), [(-1, (4,)), (16 * PAGE - 3, (4,)), (0, (2**40, 2**40)), (2**70, ())]
)
def test_places_outside_the_arena_are_refused(offset: int, shape: tuple[int, ...]) -> None:
    arena = SharedArena(16 * PAGE)
    view = ArenaView(arena.descriptor, arena.capacity)
    with pytest.raises(ValueError, match="not in the shared memory"):
        view.array(offset, shape, np.dtype(np.uint8))


def test_full_arena_says_how_full_it_is() -> None:
    arena = SharedArena(2 * PAGE)
    arena.allocate(PAGE + 1)
    with pytest.raises(MemoryError, match=rf"shared memory of {2 * PAGE} bytes.*larger capacity"):
        arena.allocate(1)


def test_freed_memory_returns_to_the_system() -> None:
    arena = SharedArena(64 * 2**20)
    buffer = arena.allocate(32 * 2**20)
    buffer[:] = 1
    assert os.fstat(arena.descriptor).st_blocks * 512 >= 32 * 2**20
    arena.free(buffer)
    assert os.fstat(arena.descriptor).st_blocks == 0


@pytest.mark.parametrize("capacity", [0, -1])
def test_arena_without_room_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        SharedArena(capacity)


def test_buffer_without_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer of 0 bytes"):
        SharedArena(PAGE).allocate(0)


def test_what_the_arena_did_not_give_is_not_taken_back() -> None:
    arena = SharedArena(4 * PAGE)
    buffer = arena.allocate(10)
    arena.free(buffer)
    for stranger in (buffer, np.zeros(10, np.uint8)):
        with pytest.raises(ValueError, match="not one that the arena gave out"):
            arena.free(stranger)


def test_arena_leaves_no_file_and_no_descriptor() -> None:
    before = len(os.listdir("/proc/self/fd"))
    arena = SharedArena(PAGE)
    assert os.stat(arena.descriptor).st_nlink == 0, "no name"
    arena.allocate(10)[:] = 1
    arena.close()
    arena.close()
    del arena
    assert len(os.listdir("/proc/self/fd")) == before


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 5 * PAGE)), max_size=60))
def test_buffers_never_overlap_and_all_room_comes_back(steps: list[tuple[bool, int]]) -> None:
    arena = SharedArena(20 * PAGE)
    held: list[tuple[int, np.ndarray]] = []
    for number, (give, size) in enumerate(steps):
        if give:
            try:
                buffer = arena.allocate(size)
            except MemoryError:
                continue
            assert buffer.shape == (size,)
            buffer[:] = number
            held.append((number, buffer))
        elif held:
            arena.free(held.pop(size % len(held))[1])
        assert all((buffer == value).all() for value, buffer in held)
    for _, buffer in held:
        arena.free(buffer)
    assert arena.used == 0
    assert arena.allocate(20 * PAGE).size == 20 * PAGE
