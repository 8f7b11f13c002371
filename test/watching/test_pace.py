"""When a standing instruction is due, and the rate that is reached."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from uio2_ros.watching.pace import WINDOW_S, AnswerPace


def run(pace: AnswerPace, took_s: float, until_s: float) -> list[float]:
    """Asks whenever it is due; each answer takes as long. When it asked."""
    now_s, asked = 0.0, []
    while (now_s := max(now_s, pace.due_s)) < until_s:
        asked.append(now_s)
        pace.asked(now_s)
        now_s += took_s
        pace.answered(now_s)
    return asked


def test_questions_keep_to_a_grid_though_answers_take_time() -> None:
    assert run(AnswerPace(2.0, 0.0), 0.3, 2.0) == [0.0, 0.5, 1.0, 1.5]


def test_the_rate_is_read_while_answers_come() -> None:
    pace, over = AnswerPace(0.0, 0.0), threading.Event()

    def answer() -> None:
        while not over.is_set():
            pace.answered(1.0)

    with ThreadPoolExecutor() as threads:
        answering = threads.submit(answer)
        try:
            assert all(pace.reached_hz(2.0) >= 0 for _ in range(2000))
        finally:
            over.set()
        answering.result()


def test_answers_slower_than_the_rate_follow_each_other_and_nothing_piles_up() -> None:
    pace = AnswerPace(10.0, 0.0)
    asked = run(pace, 0.5, 5.0)
    assert asked == pytest.approx([0.5 * number for number in range(10)])
    assert pace.due_s <= asked[-1] + 0.5


def test_without_a_rate_the_next_is_due_at_once() -> None:
    assert run(AnswerPace(0.0, 0.0), 0.25, 1.0) == [0.0, 0.25, 0.5, 0.75]


def test_the_rate_reached_is_that_of_the_last_seconds() -> None:
    pace = AnswerPace(4.0, 0.0)
    run(pace, 0.01, 20.0)
    assert pace.reached_hz(20.0) == pytest.approx(4.0, abs=0.2)
    assert pace.reached_hz(20.0 + WINDOW_S / 2) == pytest.approx(2.0, abs=0.2)
    assert pace.reached_hz(20.0 + 2 * WINDOW_S) == 0.0


def test_it_is_behind_only_after_a_whole_window_below_the_rate() -> None:
    slow, fast = AnswerPace(4.0, 0.0), AnswerPace(4.0, 0.0)
    run(slow, 0.6, 30.0)
    run(fast, 0.2, 30.0)
    assert slow.is_behind(30.0)
    assert not fast.is_behind(30.0)
    assert not AnswerPace(4.0, 0.0).is_behind(WINDOW_S / 2)
    assert not AnswerPace(0.0, 0.0).is_behind(100.0)


def test_a_pause_postpones_and_never_advances() -> None:
    pace = AnswerPace(1.0, 0.0)
    pace.postpone(3.0)
    pace.postpone(2.0)
    assert pace.due_s == 3.0
