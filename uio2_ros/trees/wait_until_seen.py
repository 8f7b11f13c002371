"""Waits until the agent sees something."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from py_trees.common import Access

from uio2_ros.client import AgentAnswer, PendingAnswer, Until, WatchSettings
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S, GoalBehaviour
from uio2_ros.trees.robot import Robot

if TYPE_CHECKING:
    from typing_extensions import Unpack


class WaitUntilSeen(GoalBehaviour):
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
        super().__init__(name, server_wait_s)
        self._robot = robot
        chosen: WatchSettings = {"task": "localize", "until": Until.SEEN, **settings}
        self._watch = functools.partial(robot.agent.watch_async, instruction, **chosen)
        self._key = answer_key
        self._blackboard = self.attach_blackboard_client(name)
        self._blackboard.register_key(answer_key, access=Access.WRITE)

    @property
    def server(self) -> str:
        return f"{self._robot.agent.agent}/watch"

    def is_server_ready(self) -> bool:
        return self._robot.agent.is_ready()

    def send(self) -> PendingAnswer[AgentAnswer]:
        return self._watch()

    def progress(self, goal: Any) -> str:
        del goal
        return "looking"

    def accept(self, outcome: AgentAnswer) -> str:
        self._blackboard.set(self._key, outcome)
        return outcome.text or "seen"
