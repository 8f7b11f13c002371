"""Clients of controllers' action servers: nav2's NavigateToPose and FollowJointTrajectory.

nav2_msgs and control_msgs are imported only where their action is chosen, so that neither is
needed otherwise.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future

from uio2_ros.control import Cause, PlanError
from uio2_ros.control.commands import Goal, NavigationGoal, TrajectoryGoal
from uio2_ros.messages.plans import pose_stamped, trajectory_message

_ENDINGS = {
    GoalStatus.STATUS_CANCELED: "was cancelled by somebody else",
    GoalStatus.STATUS_ABORTED: "was aborted by the controller",
}


def action_type(package: str, name: str) -> Any:
    """An action's type; ValueError that says what to install."""
    try:
        return getattr(importlib.import_module(f"{package}.action"), name)
    except ImportError as error:
        debian = f"ros-$ROS_DISTRO-{package.replace('_', '-')}"
        raise ValueError(
            f"{package}/action/{name} is not installed; install {debian}, or set the parameter to "
            "a topic instead"
        ) from error


class Controller:
    """The newest goal at one action server; older ones are its to end. The spinning thread."""

    def __init__(
        self,
        node: Node,
        kind: Any,
        name: str,
        wait_s: float,
        on_progress: Callable[[float], None],
        on_end: Callable[[PlanError | None], None],
    ) -> None:
        """on_end: told of the newest goal only, unless it was cancelled here."""
        self._client = ActionClient(node, kind, name)
        self._kind = kind
        self.name = name
        self._wait_s = wait_s
        self._on_progress = on_progress
        self._on_end = on_end
        self._number = 0
        """Of the newest goal; answers about others are not listened to."""
        self._waiting: tuple[Any, float] | None = None
        self._open = False
        self._handles: dict[int, Any] = {}
        self._longest = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether the server is there."""
        return bool(self._client.server_is_ready())

    def send(self, goal: Any) -> None:
        """Sends a goal as soon as the server is there."""
        self._number += 1
        self._open = True
        self._longest = 0.0
        self._waiting = (goal, time.monotonic() + self._wait_s)
        self.watch()

    def cancel(self) -> None:
        """Cancels whatever this client has at the server, and listens to nothing of it."""
        self._number += 1
        self._open = False
        self._waiting = None
        self._cancel_handles()

    def watch(self) -> None:
        """Call often: sends what waits for the server, and notices when the server goes."""
        if self._waiting is not None:
            goal, end_s = self._waiting
            if self.is_ready:
                self._waiting = None
                self._send_now(goal)
            elif time.monotonic() >= end_s:
                self._waiting = None
                self._end(self._number, Cause.NO_CONTROLLER, self._nobody())
        elif self._open and not self.is_ready:
            self._cancel_handles()  # should only the discovery have failed
            self._end(self._number, Cause.CONTROLLER_FAILED, f"the server of {self.name} went away")

    def _cancel_handles(self) -> None:
        for handle in self._handles.values():
            handle.cancel_goal_async()

    def _nobody(self) -> str:
        return (
            f"no action server {self.name} within {self._wait_s:g} s; start the controller, or "
            "correct the action's name in the bridge's parameters"
        )

    def _send_now(self, goal: Any) -> None:
        number = self._number

        def on_feedback(message: Any) -> None:
            if number == self._number:
                self._hear(message.feedback)

        sent = self._client.send_goal_async(goal, feedback_callback=on_feedback)
        sent.add_done_callback(lambda answer: self._on_answer(number, answer))

    def _on_answer(self, number: int, answer: Future) -> None:
        handle = answer.result()
        if not handle.accepted:
            self._end(number, Cause.CONTROLLER_REJECTED, f"{self.name} rejected the goal")
            return
        self._handles[number] = handle
        result = handle.get_result_async()
        result.add_done_callback(lambda done: self._on_result(number, done))
        if not self._open:
            handle.cancel_goal_async()  # cancelled before the server had answered

    def _on_result(self, number: int, done: Future) -> None:
        self._handles.pop(number, None)
        answer = done.result()
        failure = self._failure(answer.status, answer.result)
        self._end(number, Cause.CONTROLLER_FAILED if failure else Cause.NONE, failure)

    def _failure(self, status: int, result: Any) -> str:
        """Why a goal did not succeed; empty if it did."""
        if status == GoalStatus.STATUS_SUCCEEDED and not result.error_code:
            return ""
        said = getattr(result, "error_msg", "") or getattr(result, "error_string", "")
        ending = _ENDINGS.get(status, "failed")
        return f"the goal of {self.name} {ending}: error code {result.error_code} {said}".rstrip()

    def _end(self, number: int, cause: Cause, message: str) -> None:
        if number != self._number or not self._open:
            return
        self._open = False
        self._on_end(PlanError(cause, message) if cause else None)

    def _hear(self, feedback: Any) -> None:
        """The distance left, as a fraction of the longest heard."""
        left = getattr(feedback, "distance_remaining", None)
        if left is not None and left >= 0:
            self._longest = max(self._longest, left)
            self._on_progress(1 - left / self._longest if self._longest else 0.0)


def goal_message(kind: Any, goal: Goal) -> Any:
    """The goal of NavigateToPose or FollowJointTrajectory."""
    if isinstance(goal, NavigationGoal):
        return kind.Goal(pose=pose_stamped(goal))
    if isinstance(goal, TrajectoryGoal):
        return kind.Goal(trajectory=trajectory_message(goal.joints, goal.points))
    raise TypeError(f"no action takes a {type(goal).__name__}")
