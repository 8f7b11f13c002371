"""Reuse of pixel buffers."""

from __future__ import annotations

from uio2_ros.history import HeapMemory
from uio2_ros.history.slot_pool import SlotPool


def test_a_buffer_given_back_is_taken_again() -> None:
    pool = SlotPool(HeapMemory(), max_bytes=100)
    first = pool.take(60)
    assert first is not None
    assert pool.take(60) is None, "the bound"
    pool.give_back(first)
    assert pool.take(60) is first
    assert pool.total_bytes == 60


def test_buffers_of_a_former_size_go() -> None:
    pool = SlotPool(HeapMemory(), max_bytes=100)
    former, present = pool.take(10), pool.take(20)
    assert former is not None
    assert present is not None
    pool.give_back(present)
    pool.give_back(former)
    assert pool.total_bytes == 20, "given back after the change of size"
    assert pool.take(30) is not None
    assert pool.total_bytes == 30, "spare at the change of size"


def test_buffers_are_made_ready_one_at_a_time_up_to_a_number() -> None:
    pool = SlotPool(HeapMemory(), max_bytes=1000, keep=3)
    taken = pool.take(10)
    assert taken is not None
    for expected in (20, 30, 30):
        pool.make_ready(10)
        assert pool.total_bytes == expected


def test_buffers_beyond_those_to_keep_are_freed_after_use() -> None:
    pool = SlotPool(HeapMemory(), max_bytes=1000, keep=3)
    taken = [pool.take(10) for _ in range(5)]
    assert pool.total_bytes == 50
    for buffer in taken:
        assert buffer is not None
        pool.give_back(buffer)
    assert pool.total_bytes == 30


def test_nothing_is_made_ready_beyond_the_bound_or_beside_another_size() -> None:
    pool = SlotPool(HeapMemory(), max_bytes=25, keep=50)
    for _ in range(3):
        pool.make_ready(10)
    assert pool.total_bytes == 20
    pool.make_ready(5)
    assert pool.total_bytes == 20
