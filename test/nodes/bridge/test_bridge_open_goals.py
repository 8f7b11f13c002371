"""No goal that was sent is lost: every one is cancelled until its server says that it is over."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from rclpy.task import Future

from uio2_ros.control import Cause, PlanError
from uio2_ros.nodes.bridge.controllers import CANCEL_AGAIN_S, Controller

CANCEL_S = 2.0
ACCEPTS, REFUSES = ["a goal"], list[str]()


class Handle:
    """A goal as its client sees it."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.accepted = True
        self.sent, self.result = Future(), Future()
        self.cancels: list[Future] = []

    def get_result_async(self) -> Future:
        return self.result

    def cancel_goal_async(self) -> Future:
        self.cancels.append(Future())
        return self.cancels[-1]

    def answer(self, *, accepted: bool = True) -> None:
        """The server takes the goal, or does not."""
        self.accepted = accepted
        self.sent.set_result(self)

    def end(self, status: int = GoalStatus.STATUS_CANCELED, error_code: int = 0) -> None:
        self.result.set_result(
            SimpleNamespace(status=status, result=SimpleNamespace(error_code=error_code))
        )

    def answer_cancel(self, canceling: Sequence[str], return_code: int = 0) -> None:
        self.cancels[-1].set_result(
            SimpleNamespace(return_code=return_code, goals_canceling=canceling)
        )


class Bench:
    """A controller's client, a server that does what the test says, and a clock."""

    def __init__(self) -> None:
        self.goals: list[Handle] = []
        self.ready = True
        self.now_s = 0.0
        self.ends: list[Cause] = []
        self.stuck: list[str] = []
        self.controller = Controller(
            self,  # type: ignore[arg-type]
            "navigate",
            wait_s=1.0,
            cancel_s=CANCEL_S,
            on_progress=lambda _: None,
            on_end=self._ended,
            on_stuck=self.stuck.append,
            steady_s=lambda: self.now_s,
        )

    def _ended(self, failure: PlanError | None) -> None:
        self.ends.append(failure.cause if failure else Cause.NONE)

    def server_is_ready(self) -> bool:
        return self.ready

    def send_goal_async(self, message: str, feedback_callback: Any) -> Future:
        del feedback_callback
        self.goals.append(Handle(message))
        return self.goals[-1].sent

    def under_way(self, *messages: str) -> list[Handle]:
        """Goals that the server has accepted, the last of which took over from the others."""
        for message in messages:
            self.controller.send(message)
            self.goals[-1].answer()
        return self.goals

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.controller.watch()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_older_goal_is_cancelled_when_the_server_aborts_the_one_that_took_over(
    bench: Bench,
) -> None:
    first, second = bench.under_way("first", "second")
    second.end(GoalStatus.STATUS_ABORTED, 9002)
    assert bench.ends == [Cause.CONTROLLER_FAILED]
    assert len(first.cancels) == 1
    assert bench.controller.open_goals == 1
    first.end()
    assert bench.controller.open_goals == 0


def test_older_goal_is_cancelled_when_the_server_rejects_the_one_that_took_over(
    bench: Bench,
) -> None:
    (first,) = bench.under_way("first")
    bench.controller.send("second")
    bench.goals[1].answer(accepted=False)
    assert bench.ends == [Cause.CONTROLLER_REJECTED]
    assert len(first.cancels) == 1


def test_older_goal_does_not_outlast_the_success_of_the_newest(bench: Bench) -> None:
    first, second = bench.under_way("first", "second")
    second.end(GoalStatus.STATUS_SUCCEEDED)
    assert bench.ends == [Cause.NONE]
    assert len(first.cancels) == 1


def test_cancelling_reaches_every_open_goal(bench: Bench) -> None:
    goals = bench.under_way("first", "second", "third")
    bench.controller.cancel()
    assert [len(goal.cancels) for goal in goals] == [1, 1, 1]
    for goal in goals:
        goal.end()
    assert (bench.controller.open_goals, bench.ends) == (0, [])


def test_goal_that_is_cancelled_before_the_server_answers_is_cancelled_then(bench: Bench) -> None:
    bench.controller.send("slow")
    bench.controller.cancel()
    (goal,) = bench.goals
    assert (goal.cancels, bench.controller.open_goals) == ([], 1)
    goal.answer()
    assert len(goal.cancels) == 1


def test_goal_that_waits_for_its_server_is_forgotten_when_cancelled(bench: Bench) -> None:
    bench.ready = False
    bench.controller.send("early")
    assert bench.controller.open_goals == 1
    bench.controller.cancel()
    bench.ready = True
    bench.wait(0.1)
    assert (bench.goals, bench.controller.open_goals) == ([], 0)


def test_refused_cancellation_is_told_once_and_asked_for_again(bench: Bench) -> None:
    (goal,) = bench.under_way("stubborn")
    bench.controller.cancel()
    goal.answer_cancel(REFUSES)
    assert bench.stuck == ["stubborn"]
    assert "navigate does not end 1 of its goals" in bench.controller.complaint
    assert bench.controller.is_settled
    bench.wait(CANCEL_AGAIN_S)
    goal.answer_cancel(REFUSES)
    assert (len(goal.cancels), bench.stuck) == (2, ["stubborn"])
    goal.end(GoalStatus.STATUS_SUCCEEDED)
    assert (bench.controller.complaint, bench.ends) == ("", [])


def test_goal_that_takes_too_long_to_end_is_told(bench: Bench) -> None:
    (goal,) = bench.under_way("slow")
    bench.controller.cancel()
    goal.answer_cancel(ACCEPTS)
    bench.wait(CANCEL_S - 0.1)
    assert (bench.controller.complaint, bench.controller.is_settled) == ("", False)
    bench.wait(0.2)
    assert bench.stuck == ["slow"]
    assert bench.controller.is_settled


def test_server_that_knows_nothing_of_a_goal_does_not_carry_it_out(bench: Bench) -> None:
    (goal,) = bench.under_way("lost")
    bench.controller.cancel()
    goal.answer_cancel([], CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID)
    assert (bench.controller.open_goals, bench.controller.complaint) == (0, "")


def test_server_that_went_away_is_asked_again_when_it_is_back(bench: Bench) -> None:
    (goal,) = bench.under_way("first")
    bench.ready = False
    bench.wait(0.1)
    assert bench.ends == [Cause.CONTROLLER_FAILED]
    assert bench.controller.is_settled  # nobody waits for one that is gone
    bench.wait(CANCEL_S)
    assert bench.controller.loss == "navigate went away with 1 of its goals open"
    assert bench.controller.complaint == ""
    assert goal.cancels == []
    bench.ready = True
    bench.wait(CANCEL_AGAIN_S)
    assert len(goal.cancels) == 1


def test_goal_that_is_to_hold_is_sent_beside_and_not_listened_to(bench: Bench) -> None:
    (goal,) = bench.under_way("stubborn")
    bench.controller.cancel()
    bench.controller.hold("stay")
    stay = bench.goals[1]
    stay.answer()
    goal.end(GoalStatus.STATUS_ABORTED)
    stay.end(GoalStatus.STATUS_SUCCEEDED)
    assert (bench.controller.open_goals, bench.ends) == (0, [])
