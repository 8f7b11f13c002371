"""A behaviour that sends a goal and waits for its end over many ticks. No tick ever blocks."""

from __future__ import annotations

import time
from abc import abstractmethod
from concurrent.futures import Future
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from uio2_ros.client import AgentError, AgentUnavailableError

SERVER_WAIT_S = 1.0
"""How long a behaviour looks for its server before it fails, as BehaviorTree.ROS2 does."""


class GoalBehaviour(Behaviour):
    """RUNNING while the goal is, SUCCESS with its result, FAILURE without.

    Interrupted, by a parent that moves on or a Timeout, it cancels the goal, and where it fails
    before the goal has ended.
    """

    def __init__(self, name: str, server_wait_s: float = SERVER_WAIT_S) -> None:
        super().__init__(name)
        self._server_wait_s = server_wait_s
        self._began_s = 0.0
        self._goal: Future[Any] | None = None

    @property
    @abstractmethod
    def server(self) -> str:
        """The name of the server, for messages."""

    @abstractmethod
    def is_server_ready(self) -> bool:
        """Whether the server is there at this moment."""

    @abstractmethod
    def send(self) -> Future[Any]:
        """Sends the goal; AgentUnavailableError if it is too early, AgentError if it cannot be."""

    @abstractmethod
    def accept(self, outcome: Any) -> str:
        """Keeps the outcome; what to say about it."""

    def progress(self, goal: Any) -> str:
        """What to say while the goal is running."""
        del goal
        return "waiting"

    def initialise(self) -> None:
        self._began_s = time.monotonic()
        self._goal = None

    def update(self) -> Status:
        if self._goal is None:
            return self._begin()
        if self._goal.done():
            return self._end(self._goal)
        if not self.is_server_ready():
            return self._fail(f"{self.server} went away")
        self.feedback_message = self.progress(self._goal)
        return Status.RUNNING

    def terminate(self, new_status: Status) -> None:
        del new_status
        if self._goal is not None and not self._goal.done():
            self._goal.cancel()

    def _begin(self) -> Status:
        try:
            if self.is_server_ready():
                self._goal = self.send()
                self.feedback_message = "sent"
                return Status.RUNNING
        except AgentUnavailableError:
            pass  # DDS discovers each of an agent's actions by itself
        except AgentError as error:
            return self._fail(str(error))
        if time.monotonic() - self._began_s > self._server_wait_s:
            return self._fail(f"there is no {self.server}; is it running?")
        self.feedback_message = f"looking for {self.server}"
        return Status.RUNNING

    def _end(self, goal: Future[Any]) -> Status:
        error = goal.exception(0)
        if error is not None:
            return self._fail(str(error))
        self.feedback_message = self.accept(goal.result(0))
        return Status.SUCCESS

    def _fail(self, reason: str) -> Status:
        self.feedback_message = reason
        return Status.FAILURE
