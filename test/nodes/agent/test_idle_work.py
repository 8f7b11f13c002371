"""Work that nobody waits for: when it is done, and that what it holds is always let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from patience import patient

from uio2_ros.nodes.agent.idle_work import PAUSE_S, IdleWork

WAIT_S = patient(10.0)


@pytest.fixture
def idle() -> Iterator[IdleWork]:
    work = IdleWork()
    yield work
    work.close()


class Drawing:
    """Work that says when it was begun and let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def give_to(self, idle: IdleWork) -> None:
        idle.give(self.begun.set, self.let_go.set)


def test_work_is_done_after_a_pause(idle: IdleWork) -> None:
    drawing, began_s = Drawing(), time.monotonic()
    drawing.give_to(idle)
    assert drawing.let_go.wait(WAIT_S)
    assert drawing.begun.is_set()
    assert time.monotonic() - began_s >= PAUSE_S


def test_work_waits_while_a_request_is_prepared_and_goes_on_as_soon_as_it_is(
    idle: IdleWork,
) -> None:
    drawing = Drawing()
    with idle.undisturbed():
        drawing.give_to(idle)
        assert not drawing.begun.wait(3 * PAUSE_S)
    assert drawing.begun.wait(WAIT_S)


def test_preparing_ends_the_pause_early() -> None:
    idle, drawing = IdleWork(), Drawing()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("uio2_ros.nodes.agent.idle_work.PAUSE_S", 1000.0)
            drawing.give_to(idle)
            with idle.undisturbed():
                assert not drawing.begun.is_set()
            assert drawing.begun.wait(WAIT_S)
    finally:
        idle.close()


def test_a_stream_of_requests_does_not_keep_work_back_for_ever(
    idle: IdleWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uio2_ros.nodes.agent.idle_work.MOST_WAIT_S", 4 * PAUSE_S)
    drawings = []
    with idle.undisturbed():
        end_s = time.monotonic() + WAIT_S
        while not any(drawing.begun.is_set() for drawing in drawings):
            assert time.monotonic() < end_s, "each took the place of the one before"
            drawings.append(Drawing())
            drawings[-1].give_to(idle)
            time.sleep(PAUSE_S / 2)
    assert len(drawings) > 2


def test_newer_work_takes_the_place_of_what_waits(idle: IdleWork) -> None:
    old, new = Drawing(), Drawing()
    with idle.undisturbed():
        old.give_to(idle)
        new.give_to(idle)
        assert old.let_go.is_set()
    assert new.let_go.wait(WAIT_S)
    assert (old.begun.is_set(), new.begun.is_set()) == (False, True)


def test_failing_work_is_let_go_and_the_next_is_done(idle: IdleWork) -> None:
    released, drawing = threading.Event(), Drawing()

    def fail() -> None:
        raise ValueError("no pen")

    idle.give(fail, released.set)
    assert released.wait(WAIT_S)
    drawing.give_to(idle)
    assert drawing.begun.wait(WAIT_S)


def test_closing_lets_go_of_what_waits_and_of_what_comes_later() -> None:
    idle, waiting, late = IdleWork(), Drawing(), Drawing()
    with idle.undisturbed():
        waiting.give_to(idle)
        idle.close()
    late.give_to(idle)
    assert waiting.let_go.is_set()
    assert late.let_go.is_set()
    assert not waiting.begun.is_set()
    assert not late.begun.is_set()
