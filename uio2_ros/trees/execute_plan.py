"""Has the bridge carry out the plan of an answer on the blackboard."""

from __future__ import annotations

from typing import Any

from py_trees.common import Access, Status

from uio2_ros.client import Execution
from uio2_ros.trees.goal_behaviour import SERVER_WAIT_S, GoalBehaviour
from uio2_ros.trees.robot import Robot


class ExecutePlan(GoalBehaviour):
    """SUCCESS when the controllers have done every step. Interrupted, they stop.

    The plan is that of the `AgentAnswer` in the blackboard entry `answer_key`.
    """

    def __init__(
        self,
        name: str,
        robot: Robot,
        *,
        answer_key: str = "answer",
        timeout_s: float = 0.0,
        after_step: bool = False,
        server_wait_s: float = SERVER_WAIT_S,
    ) -> None:
        """`timeout_s`: of the bridge for the whole plan; 0 is its default. `after_step`: a plan
        under way ends its step first."""
        super().__init__(name, server_wait_s)
        self._robot = robot
        self._key = answer_key
        self._timeout_s = timeout_s
        self._after_step = after_step
        self._blackboard = self.attach_blackboard_client(name)
        self._blackboard.register_key(answer_key, access=Access.READ)

    @property
    def server(self) -> str:
        return self._robot.bridge

    def is_server_ready(self) -> bool:
        return self._robot.has_bridge()

    def update(self) -> Status:
        plan = self._blackboard.get(self._key).plan if self._blackboard.exists(self._key) else None
        if plan is None:
            self.feedback_message = f"{self._key!r} on the blackboard has no plan; ask for one"
            return Status.FAILURE
        return super().update()

    def send(self) -> Execution:
        message = self._blackboard.get(self._key).message
        return self._robot.execute(message.plan, self._timeout_s, after_step=self._after_step)

    def progress(self, goal: Any) -> str:
        told = goal.feedback
        return f"step {told.step + 1} of {told.steps}" if told else "sent"

    def accept(self, outcome: int) -> str:
        return f"{outcome} steps done"
