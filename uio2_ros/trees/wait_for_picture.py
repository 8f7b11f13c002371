"""Waits until the agent sees the scene as it is now."""

from __future__ import annotations

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from uio2_ros.trees.robot import Robot


class WaitForPicture(Behaviour):
    """RUNNING until the agent has a picture taken after the behaviour began.

    Asked sooner after a motion, the agent would judge the scene by a picture from before it. The
    agent tells of its pictures on `history_state` with every diagnostics_period.
    """

    def __init__(self, name: str, robot: Robot) -> None:
        super().__init__(name)
        self._robot = robot
        self._since_ns = 0

    def initialise(self) -> None:
        self._since_ns = self._robot.now_ns()

    def update(self) -> Status:
        if self._robot.newest_picture_ns > self._since_ns:
            self.feedback_message = "a new picture"
            return Status.SUCCESS
        self.feedback_message = "no new picture yet; is the camera running?"
        return Status.RUNNING
