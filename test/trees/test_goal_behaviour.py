"""A goal that cannot be sent is a reason to wait or to fail, and no exception in a tick."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from py_trees.common import Status

from uio2_ros.client import AgentError, AgentUnavailableError
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.trees.goal_behaviour import GoalBehaviour


class Sending(GoalBehaviour):
    """Sends what comes next; exceptions are raised."""

    server = "/agent/watch"

    def __init__(self, *sent: Exception | Future[Any], server_wait_s: float = 60.0) -> None:
        super().__init__("sending", server_wait_s)
        self._sent = list(sent)

    def is_server_ready(self) -> bool:
        return True

    def send(self) -> Future[Any]:
        sent = self._sent.pop(0)
        if isinstance(sent, Exception):
            raise sent
        return sent

    def accept(self, outcome: Any) -> str:
        return str(outcome)


def ticked(behaviour: GoalBehaviour) -> Status:
    behaviour.tick_once()
    return behaviour.status


def test_an_action_that_is_not_discovered_yet_is_waited_for() -> None:
    answered: Future[Any] = Future()
    answered.set_result("a cup")
    behaviour = Sending(AgentUnavailableError("there is no /agent"), answered)
    assert [ticked(behaviour) for _ in range(3)] == [
        Status.RUNNING,
        Status.RUNNING,
        Status.SUCCESS,
    ]


def test_an_action_that_is_never_there_fails_after_its_time() -> None:
    behaviour = Sending(AgentUnavailableError("there is no /agent"), server_wait_s=-1.0)
    assert ticked(behaviour) is Status.FAILURE
    assert behaviour.feedback_message == "there is no /agent/watch; is it running?"


@pytest.mark.parametrize("code", [ErrorCode.INVALID_REQUEST, ErrorCode.BUSY])
def test_what_cannot_be_sent_fails_with_the_reason(code: ErrorCode) -> None:
    behaviour = Sending(AgentError(code, "the seed is no number of 32 bits"))
    assert ticked(behaviour) is Status.FAILURE
    assert "the seed is no number of 32 bits" in behaviour.feedback_message
