"""Asks the agent's memory where something is."""

from __future__ import annotations

import functools

from py_trees.common import Status

from uio2_ros.client import RememberedObject
from uio2_ros.trees.agent_behaviour import AgentBehaviour
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S
from uio2_ros.trees.robot import Robot


class Recall(AgentBehaviour):
    """SUCCESS with the best `RememberedObject` in the blackboard entry `object_key`.

    FAILURE where nothing like it is remembered, or not since `max_age_s` (0: whenever). The model
    is not asked.
    """

    def __init__(
        self,
        name: str,
        robot: Robot,
        query: str,
        *,
        object_key: str = "object",
        frame_id: str = "",
        max_age_s: float = 0.0,
        server_wait_s: float = SERVER_WAIT_S,
    ) -> None:
        recall = functools.partial(
            robot.agent.recall_async, query, frame_id=frame_id, max_age_s=max_age_s, most=1
        )
        super().__init__(name, robot, "recall", recall, object_key, server_wait_s)
        self._query = query
        self._is_known = False

    def is_server_ready(self) -> bool:
        return super().is_server_ready() and self.agent.can_recall()

    def update(self) -> Status:
        status = super().update()
        return Status.FAILURE if status is Status.SUCCESS and not self._is_known else status

    def accept(self, outcome: tuple[RememberedObject, ...]) -> str:
        self._is_known = bool(outcome)
        if not outcome:
            return f"nothing like {self._query!r} is remembered"
        self.keep(outcome[0])
        x, y, z = outcome[0].pose.position
        return f"{outcome[0].label} at ({x:.2f}, {y:.2f}, {z:.2f}) m in {outcome[0].frame_id}"
