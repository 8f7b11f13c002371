"""Asks the agent and puts its answer on the blackboard."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from uio2_ros.client import InstructSettings
from uio2_ros.trees.agent_behaviour import AgentBehaviour
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S
from uio2_ros.trees.robot import Robot

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Instruct(AgentBehaviour):
    """SUCCESS with an `AgentAnswer` in the blackboard entry `answer_key`; FAILURE says why not."""

    def __init__(
        self,
        name: str,
        robot: Robot,
        instruction: str,
        *,
        answer_key: str = "answer",
        server_wait_s: float = SERVER_WAIT_S,
        **settings: Unpack[InstructSettings],
    ) -> None:
        """`settings`: those of `AgentClient.ask`."""
        ask = functools.partial(robot.agent.ask_async, instruction, **settings)
        super().__init__(name, robot, "instruct", ask, answer_key, server_wait_s)

    def progress(self, goal: Any) -> str:
        told = goal.progress
        return f"{told.stage.value}: {told.text}" if told else "sent"
