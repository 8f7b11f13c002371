"""Asks the agent and puts its answer on the blackboard."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from py_trees.common import Access

from uio2_ros.client import AgentAnswer, PendingAnswer
from uio2_ros.client.agent_methods import AskSettings
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S, GoalBehaviour
from uio2_ros.trees.robot import Robot

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Instruct(GoalBehaviour):
    """SUCCESS with an `AgentAnswer` in the blackboard entry `answer_key`; FAILURE says why not."""

    def __init__(
        self,
        name: str,
        robot: Robot,
        instruction: str,
        *,
        task: str = "",
        options: Sequence[str] = (),
        action_space: str = "",
        answer_key: str = "answer",
        server_wait_s: float = SERVER_WAIT_S,
        **settings: Unpack[AskSettings],
    ) -> None:
        super().__init__(name, server_wait_s)
        self._robot = robot
        self._ask = functools.partial(
            robot.agent.ask_async,
            instruction,
            task=task,
            options=options,
            action_space=action_space,
            **settings,
        )
        self._key = answer_key
        self._blackboard = self.attach_blackboard_client(name)
        self._blackboard.register_key(answer_key, access=Access.WRITE)

    @property
    def server(self) -> str:
        return f"{self._robot.agent.agent}/instruct"

    def is_server_ready(self) -> bool:
        return self._robot.agent.is_ready()

    def send(self) -> PendingAnswer[AgentAnswer]:
        return self._ask()

    def progress(self, goal: Any) -> str:
        told = goal.progress
        return f"{told.stage.value}: {told.text}" if told else "sent"

    def accept(self, outcome: AgentAnswer) -> str:
        self._blackboard.set(self._key, outcome)
        return outcome.text or "answered"
