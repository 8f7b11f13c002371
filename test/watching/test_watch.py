"""One standing instruction under way."""

from __future__ import annotations

import pytest

from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.registry import TASKS
from uio2_ros.watching.watch import FAILED_PAUSE_S, MOST_INTERRUPTED, Watch

SEEN = Answer(detections=(Detection(Box(0, 0, 9, 9), "mug"),))


def watch(task: str = "localize", **rest: object) -> Watch:
    standing = StandingInstruction(Instruction("mug", task), **rest)  # type: ignore[arg-type]
    return Watch(standing, TASKS[task], 0.0, lambda answer: answer)


def test_a_picture_is_asked_about_once() -> None:
    one = watch()
    assert one.is_due(7, 0.0)
    one.asked(0.0)
    one.answered(SEEN, 7, 0.1)
    assert not one.is_due(7, 5.0)
    assert one.is_due(8, 0.1)


def test_sound_alone_is_asked_about_whenever_it_is_due() -> None:
    one = watch("audio_caption", rate_hz=1.0)
    one.asked(0.0)
    one.answered(Answer(text="rain"), 0, 0.1)
    assert not one.is_due(None, 0.9)
    assert one.is_due(None, 1.0)


def test_an_answer_that_was_given_up_is_asked_again_and_not_for_ever() -> None:
    one = watch(rate_hz=1.0)
    for _ in range(MOST_INTERRUPTED):
        assert one.may_be_interrupted
        one.asked(0.0)
        one.interrupted()
        assert one.is_due(7, 0.0)
    assert not one.may_be_interrupted
    one.answered(SEEN, 7, 0.1)
    assert one.may_be_interrupted
    assert one.interruptions == MOST_INTERRUPTED


@pytest.mark.parametrize(
    ("code", "is_final"),
    [(ErrorCode.STALE_INPUT, False), (ErrorCode.BUSY, False), (ErrorCode.UNKNOWN_TASK, True)],
)
def test_failures_pause_and_only_those_that_stay_end_it(code: ErrorCode, is_final: bool) -> None:
    one = watch(rate_hz=10.0)
    assert one.failed(code, 0.0) is is_final
    assert one.due_s == FAILED_PAUSE_S
    assert one.failures == 1


def test_the_answer_that_meets_the_condition_is_the_last() -> None:
    one = watch(until=Until.SEEN)
    assert [one.answered(answer, 1, 0.1)[1] for answer in (Answer(), SEEN)] == [False, True]


def test_time_that_is_over_is_told_with_what_was_awaited() -> None:
    assert "answered within 5 s" in watch(for_at_most_s=5.0).expired()
    awaited = watch(until=Until.SEEN, for_at_most_s=5.0)
    awaited.answered(Answer(), 1, 0.1)
    assert "'mug' was not seen within 5 s, in 1 answers" in awaited.expired()
