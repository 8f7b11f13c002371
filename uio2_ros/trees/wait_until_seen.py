"""Waits until the agent sees something."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from uio2_ros.client import Until, WatchSettings
from uio2_ros.trees.agent_behaviour import AgentBehaviour
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S
from uio2_ros.trees.robot import Robot

if TYPE_CHECKING:
    from typing_extensions import Unpack


class WaitUntilSeen(AgentBehaviour):
    """RUNNING until it is seen: SUCCESS with that `AgentAnswer` in the blackboard entry
    `answer_key`. FAILURE when `for_at_most_s` is over before. Interrupted, the agent looks for it
    no longer.
    """

    def __init__(
        self,
        name: str,
        robot: Robot,
        instruction: str,
        *,
        answer_key: str = "answer",
        server_wait_s: float = SERVER_WAIT_S,
        **settings: Unpack[WatchSettings],
    ) -> None:
        """`settings`: those of `AgentClient.watch`; the task is localize and `until` SEEN where
        they do not say."""
        chosen: WatchSettings = {"task": "localize", "until": Until.SEEN, **settings}
        watch = functools.partial(robot.agent.watch_async, instruction, **chosen)
        super().__init__(name, robot, "watch", watch, answer_key, server_wait_s)

    def progress(self, goal: Any) -> str:
        del goal
        return "looking"
