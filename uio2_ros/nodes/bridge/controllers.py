"""Clients of controllers' action servers: nav2's NavigateToPose, and those of ros2_control.

nav2_msgs and control_msgs are imported only where their action is chosen, so that neither is
needed otherwise.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from rclpy.action import ActionClient
from rclpy.task import Future
from sensor_msgs.msg import JointState

from uio2_ros.control import Cause, PlanError
from uio2_ros.control.commands import Goal, GripperCommand, NavigationGoal, TrajectoryGoal
from uio2_ros.messages.commands import pose_stamped, trajectory_message

_ENDINGS = {
    GoalStatus.STATUS_CANCELED: "was cancelled by somebody else",
    GoalStatus.STATUS_ABORTED: "was aborted by the controller",
}
_NOT_OPEN = (
    CancelGoal.Response.ERROR_UNKNOWN_GOAL_ID,
    CancelGoal.Response.ERROR_GOAL_TERMINATED,
)
CANCEL_AGAIN_S = 1.0
"""The end of a goal that goes on is asked for that often."""


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


@dataclass(eq=False)
class OpenGoal:
    """A goal that a server may be busy with. It is over when the server says so.

    Times are of the steady clock, seconds. unwanted_s: since when it is to end; asked_s: when the
    server was last asked to end it. is_stuck: the server refused, or took too long.
    """

    message: Any
    handle: Any = None  # from when the server has accepted it
    unwanted_s: float | None = None
    asked_s: float = -math.inf
    is_stuck: bool = False


class Controller:
    """The goals at one action server. The spinning thread.

    The newest is listened to. Every other one is either the server's to end, because the newest
    took over from it, or is unwanted: then its end is asked for until the server confirms it.
    """

    def __init__(
        self,
        client: ActionClient,
        name: str,
        *,
        wait_s: float,
        cancel_s: float,
        on_progress: Callable[[float], None],
        on_end: Callable[[PlanError | None], None],
        on_stuck: Callable[[Any], None],
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """wait_s: for the server; cancel_s: that a server may take to end what is unwanted.

        on_end: told of the newest goal, unless it was cancelled here; on_stuck: of the message of
        a goal that is unwanted and does not end, once.
        """
        self._client = client
        self.name = name
        self._wait_s = wait_s
        self._cancel_s = cancel_s
        self._on_progress = on_progress
        self._on_end = on_end
        self._on_stuck = on_stuck
        self._steady_s = steady_s
        self._waiting: tuple[Any, float] | None = None
        self._newest: OpenGoal | None = None
        self._open: list[OpenGoal] = []
        self._longest = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether the server is there."""
        return bool(self._client.server_is_ready())

    @property
    def open_goals(self) -> int:
        """How many goals may be under way at the server, or wait for it."""
        return len(self._open) + (self._waiting is not None)

    @property
    def is_settled(self) -> bool:
        """Whether every unwanted goal has ended, or had its time to."""
        return not self.is_ready or all(
            goal.is_stuck for goal in self._open if goal.unwanted_s is not None
        )

    @property
    def complaint(self) -> str:
        """What the server does not end; empty if nothing, or if there is no server."""
        stuck = sum(goal.is_stuck for goal in self._open)
        if not stuck or not self.is_ready:
            return ""
        return (
            f"{self.name} does not end {stuck} of its goals, which were cancelled: it may still "
            "move the robot; stop it by its own means"
        )

    @property
    def loss(self) -> str:
        """Which goals a server may go on with that went away; empty if none."""
        if not self._open or self.is_ready:
            return ""
        return f"{self.name} went away with {len(self._open)} of its goals open"

    def send(self, message: Any) -> None:
        """Sends a goal as soon as the server is there, and listens to it alone."""
        self._newest = None
        self._longest = 0.0
        self._waiting = (message, self._steady_s() + self._wait_s)
        self.watch()

    def hold(self, message: Any) -> None:
        """Sends a goal that is to take over from one that does not end; nobody listens to it."""
        self._send_now(message)

    def cancel(self) -> None:
        """Ends every goal that may be open at the server, and listens to none of them."""
        self._newest = self._waiting = None
        for goal in tuple(self._open):
            self._discard(goal)

    def watch(self) -> None:
        """Call often: sends what waits for the server, and sees to what is not wanted."""
        now_s = self._steady_s()
        if self._waiting is not None:
            message, end_s = self._waiting
            if self.is_ready:
                self._waiting = None
                self._newest = self._send_now(message)
            elif now_s >= end_s:
                self._waiting = None
                self._on_end(PlanError(Cause.NO_CONTROLLER, self._nobody()))
        elif self._newest is not None and not self.is_ready:
            self.cancel()  # should only the discovery have failed
            failure = f"the server of {self.name} went away"
            self._on_end(PlanError(Cause.CONTROLLER_FAILED, failure))
        for goal in tuple(self._open):
            if goal.unwanted_s is not None:
                self._see_to(goal, now_s)

    # One goal.

    def _send_now(self, message: Any) -> OpenGoal:
        goal = OpenGoal(message)
        self._open.append(goal)

        def on_feedback(message: Any) -> None:
            if goal is self._newest:
                self._hear(message.feedback)

        sent = self._client.send_goal_async(message, feedback_callback=on_feedback)
        sent.add_done_callback(lambda answer: self._on_answer(goal, answer))
        return goal

    def _on_answer(self, goal: OpenGoal, answer: Future) -> None:
        handle = answer.result()
        if not handle.accepted:
            self._over(goal, Cause.CONTROLLER_REJECTED, f"{self.name} rejected the goal")
            return
        goal.handle = handle
        handle.get_result_async().add_done_callback(lambda done: self._on_result(goal, done))
        if goal.unwanted_s is not None:  # cancelled before the server had answered
            self._ask_to_end(goal)

    def _on_result(self, goal: OpenGoal, done: Future) -> None:
        answer = done.result()
        failure = self._failure(answer.status, answer.result)
        self._over(goal, Cause.CONTROLLER_FAILED if failure else Cause.NONE, failure)

    def _discard(self, goal: OpenGoal) -> None:
        if goal.unwanted_s is None:
            goal.unwanted_s = self._steady_s()
        self._ask_to_end(goal)

    def _see_to(self, goal: OpenGoal, now_s: float) -> None:
        """Asks again for the end of an unwanted goal, and notices that it takes too long."""
        if goal.unwanted_s is not None and now_s - goal.unwanted_s >= self._cancel_s:
            self._stick(goal)
        if now_s - goal.asked_s >= CANCEL_AGAIN_S:
            self._ask_to_end(goal)

    def _ask_to_end(self, goal: OpenGoal) -> None:
        if goal.handle is None or not self.is_ready:
            return
        goal.asked_s = self._steady_s()
        asked = goal.handle.cancel_goal_async()
        asked.add_done_callback(lambda answer: self._on_cancel(goal, answer.result()))

    def _on_cancel(self, goal: OpenGoal, answer: CancelGoal.Response) -> None:
        if answer.return_code in _NOT_OPEN:
            self._close(goal)
        elif not answer.goals_canceling:
            self._stick(goal)

    def _stick(self, goal: OpenGoal) -> None:
        if not goal.is_stuck and goal in self._open:
            goal.is_stuck = True
            self._on_stuck(goal.message)

    def _close(self, goal: OpenGoal) -> None:
        if goal in self._open:
            self._open.remove(goal)

    def _over(self, goal: OpenGoal, cause: Cause, message: str) -> None:
        """The server is done with a goal."""
        self._close(goal)
        if goal is self._newest:
            self.cancel()  # what it took over from: nav2 goes back to that if it fails
            self._on_end(PlanError(cause, message) if cause else None)

    # What the client hears.

    def _nobody(self) -> str:
        return (
            f"no action server {self.name} within {self._wait_s:g} s; start the controller, or "
            "correct the action's name in the bridge's parameters"
        )

    def _failure(self, status: int, result: Any) -> str:
        """Why a goal did not succeed; empty if it did."""
        code = getattr(result, "error_code", 0)  # a gripper's has none
        if status == GoalStatus.STATUS_SUCCEEDED and not code:
            return ""
        said = getattr(result, "error_msg", "") or getattr(result, "error_string", "")
        ending = _ENDINGS.get(status, "failed")
        return f"the goal of {self.name} {ending}: error code {code} {said}".rstrip()

    def _hear(self, feedback: Any) -> None:
        """The distance left, as a fraction of the longest heard."""
        left = getattr(feedback, "distance_remaining", None)
        if left is not None and left >= 0:
            self._longest = max(self._longest, left)
            self._on_progress(1 - left / self._longest if self._longest else 0.0)


def goal_message(kind: Any, goal: Goal | GripperCommand) -> Any:
    """The goal of NavigateToPose, FollowJointTrajectory or ParallelGripperCommand."""
    if isinstance(goal, NavigationGoal):
        return kind.Goal(pose=pose_stamped(goal))
    if isinstance(goal, TrajectoryGoal):
        return kind.Goal(trajectory=trajectory_message(goal.joints, goal.points))
    if isinstance(goal, GripperCommand):
        speeds = [] if goal.speed is None else [goal.speed]
        command = JointState(name=[goal.name], position=[goal.position], velocity=speeds)
        return kind.Goal(command=command)
    raise TypeError(f"no action takes a {type(goal).__name__}")


def joints_of(message: Any) -> tuple[str, ...]:
    """The joints that a controller's goal moves; none for a base."""
    trajectory = getattr(message, "trajectory", None)
    return tuple(trajectory.joint_names) if trajectory is not None else ()
