"""A behaviour that asks the agent and puts what it says on the blackboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from py_trees.common import Access

from uio2_ros.client import PendingAnswer
from uio2_ros.trees.goal_behaviour import GoalBehaviour
from uio2_ros.trees.robot import Robot


class AgentBehaviour(GoalBehaviour):
    """SUCCESS with an `AgentAnswer` in the blackboard entry `key`."""

    def __init__(
        self,
        name: str,
        robot: Robot,
        endpoint: str,
        ask: Callable[[], PendingAnswer[Any]],
        key: str,
        server_wait_s: float,
    ) -> None:
        """endpoint: what of the agent is called, for messages."""
        super().__init__(name, server_wait_s)
        self.agent = robot.agent
        self._endpoint = endpoint
        self._ask = ask
        self._key = key
        self._blackboard = self.attach_blackboard_client(name)
        self._blackboard.register_key(key, access=Access.WRITE)

    @property
    def server(self) -> str:
        return f"{self.agent.agent}/{self._endpoint}"

    def is_server_ready(self) -> bool:
        return self.agent.is_ready()

    def send(self) -> PendingAnswer[Any]:
        return self._ask()

    def accept(self, outcome: Any) -> str:
        self.keep(outcome)
        return outcome.text or "answered"

    def keep(self, value: object) -> None:
        """Puts it on the blackboard."""
        self._blackboard.set(self._key, value)
