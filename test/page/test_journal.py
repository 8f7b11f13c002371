"""What was asked of late."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from uio2_ros.messages.answers import AgentAnswer
from uio2_ros.page.journal import KEPT, Journal, JournalEntry
from uio2_ros.robot.answer import Timings
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan

PLAN = TaskPlan("vima", (Step(ActionKind.DISCRETE, "stop"),))


def entry(number: int, **fields: object) -> JournalEntry:
    timings = Timings(total=1.0 + number)
    answer = AgentAnswer(text=f"{number}", stamp_ns=number, timings=timings, **fields)  # type: ignore[arg-type]
    return JournalEntry("x", answer)


def test_the_newest_comes_first_and_the_oldest_is_forgotten() -> None:
    journal = Journal()
    for number in range(KEPT + 2):
        journal.add(entry(number))
    assert [one.answer.text for one in journal.entries()][:2] == [f"{KEPT + 1}", f"{KEPT}"]
    assert (len(journal.entries()), journal.count) == (KEPT, KEPT + 2)


def test_an_answer_that_is_heard_of_twice_is_one_entry() -> None:
    journal = Journal()
    journal.add(entry(1))
    journal.add(entry(1))
    assert journal.count == 1


def test_of_a_standing_instruction_only_the_newest_answer_stays() -> None:
    journal = Journal()
    journal.add(entry(1))
    for number in (2, 3):
        journal.add(replace(entry(number), is_standing=True))
    assert [one.answer.text for one in journal.entries()] == ["3", "1"]
    assert journal.count == 3


def test_failures_are_all_kept() -> None:
    journal = Journal()
    failed = JournalEntry("x", AgentAnswer(error_code=ErrorCode.TIMEOUT, error_msg="late"))
    journal.add(failed)
    journal.add(failed)
    assert journal.count == 2
    assert failed.outcome == "TIMEOUT: late"
    assert journal.newest_drawable() is None


def test_the_newest_plan_is_found_behind_what_came_later() -> None:
    journal = Journal()
    journal.add(entry(1, plan=PLAN))
    journal.add(entry(2))
    plan = journal.newest_plan()
    assert plan is not None
    assert plan.answer.text == "1"
