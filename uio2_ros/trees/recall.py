"""Asks the agent's memory where something is."""

from __future__ import annotations

from typing import Any

from py_trees.common import Access, Status

from uio2_ros.client import PendingAnswer, RememberedObject
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S, GoalBehaviour
from uio2_ros.trees.robot import Robot


class Recall(GoalBehaviour):
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
        super().__init__(name, server_wait_s)
        self._robot = robot
        self._query = query
        self._asked: dict[str, Any] = {"frame_id": frame_id, "max_age_s": max_age_s, "most": 1}
        self._key = object_key
        self._blackboard = self.attach_blackboard_client(name)
        self._blackboard.register_key(object_key, access=Access.WRITE)
        self._is_known = False

    @property
    def server(self) -> str:
        return f"{self._robot.agent.agent}/recall"

    def is_server_ready(self) -> bool:
        return self._robot.agent.is_ready() and self._robot.agent.can_recall()

    def send(self) -> PendingAnswer[tuple[RememberedObject, ...]]:
        return self._robot.agent.recall_async(self._query, **self._asked)

    def update(self) -> Status:
        status = super().update()
        return Status.FAILURE if status is Status.SUCCESS and not self._is_known else status

    def accept(self, outcome: tuple[RememberedObject, ...]) -> str:
        self._is_known = bool(outcome)
        if not outcome:
            return f"nothing like {self._query!r} is remembered"
        self._blackboard.set(self._key, outcome[0])
        x, y, z = outcome[0].pose.position
        return f"{outcome[0].label} at ({x:.2f}, {y:.2f}, {z:.2f}) m in {outcome[0].frame_id}"
