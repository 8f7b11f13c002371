"""Stand-ins for nav2 and the controllers of an arm and its gripper: they wait and report.

A process of its own; its output tells what happened. Parameters of goals that come later:
`seconds` they take, `verdict` succeed, abort or reject; of all: `preempts`, whether a newer goal
ends the older, and `cancellable`, which the gripper always is. The arm is where its goals end, and
where `trajectory` sends it.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import rclpy
from control_msgs.action import FollowJointTrajectory, ParallelGripperCommand
from nav2_msgs.action import NavigateToPose
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

HOME = (0.0, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0)
PERIOD_S = 0.02
STATES_PERIOD_S = 0.05


class Controllers(Node):
    """Both action servers, and the joint states of an arm."""

    def __init__(self) -> None:
        super().__init__("controllers")
        self.declare_parameter("seconds", 0.3)
        self.declare_parameter("verdict", "succeed")
        self.declare_parameter("preempts", True)
        self.declare_parameter("cancellable", True)
        self._positions = HOME
        self.create_subscription(JointTrajectory, "trajectory", self._move, 10)
        self._newest: dict[str, ServerGoalHandle] = {}
        self._states = self.create_publisher(JointState, "joint_states", 10)
        self.create_timer(STATES_PERIOD_S, self._publish_states)
        group = ReentrantCallbackGroup()
        for kind, name, execute in (
            (NavigateToPose, "navigate_to_pose", self._navigate),
            (FollowJointTrajectory, "follow_joint_trajectory", self._follow),
            (ParallelGripperCommand, "gripper_controller/gripper_cmd", self._grip),
        ):
            ActionServer(
                self,
                kind,
                name,
                execute,
                goal_callback=self._judge,
                cancel_callback=self._judge_cancel,
                callback_group=group,
            )
        print("ready", flush=True)

    def _publish_states(self) -> None:
        message = JointState(name=[f"joint{n}" for n in range(1, 8)], position=self._positions)
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)

    def _move(self, trajectory: JointTrajectory) -> None:
        self._positions = tuple(trajectory.points[-1].positions)

    def _judge_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        is_grip = isinstance(goal.request, ParallelGripperCommand.Goal)
        accepts = is_grip or self.get_parameter("cancellable").value
        print(f"cancel {'accepted' if accepts else 'refused'}", flush=True)
        return CancelResponse.ACCEPT if accepts else CancelResponse.REJECT

    def _judge(self, request: Any) -> GoalResponse:
        del request
        rejects = self.get_parameter("verdict").value == "reject"
        return GoalResponse.REJECT if rejects else GoalResponse.ACCEPT

    def _navigate(self, goal: ServerGoalHandle) -> NavigateToPose.Result:
        pose = goal.request.pose
        x = pose.pose.position.x
        print(f"navigate: goal {x:.2f} in {pose.header.frame_id}", flush=True)

        def feed_back(left: float) -> None:
            goal.publish_feedback(NavigateToPose.Feedback(distance_remaining=left * x))

        ending = self._carry_out("navigate", goal, feed_back)
        code = 0 if ending == "succeeded" else NavigateToPose.Result.UNKNOWN
        return NavigateToPose.Result(error_code=code, error_msg="blocked" if code else "")

    def _follow(self, goal: ServerGoalHandle) -> FollowJointTrajectory.Result:
        points = goal.request.trajectory.points
        last = points[-1].positions[0]
        print(f"follow: goal of {len(points)} points to {last:.2f}", flush=True)
        ending = self._carry_out("follow", goal, lambda _: None)
        if ending == "succeeded":
            self._move(goal.request.trajectory)
        code = 0 if ending == "succeeded" else FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED
        return FollowJointTrajectory.Result(error_code=code, error_string="off" if code else "")

    def _grip(self, goal: ServerGoalHandle) -> ParallelGripperCommand.Result:
        command = goal.request.command
        told = f"{command.name[0]} to {command.position[0]:.2f} at {command.velocity[0]:.2f}"
        print(f"grip: {told}", flush=True)
        ending = self._carry_out("grip", goal, lambda _: None)
        return ParallelGripperCommand.Result(reached_goal=ending == "succeeded")

    def _carry_out(self, name: str, goal: ServerGoalHandle, feed_back: Any) -> str:
        self._newest[name] = goal
        seconds = float(self.get_parameter("seconds").value)
        verdict = self.get_parameter("verdict").value
        begin_s = time.monotonic()
        while (elapsed_s := time.monotonic() - begin_s) < seconds:
            if goal.is_cancel_requested:
                goal.canceled()
                return self._say(name, "canceled")
            if self._newest[name] is not goal and self.get_parameter("preempts").value:
                goal.abort()
                return self._say(name, "preempted")
            feed_back(1 - elapsed_s / seconds)
            time.sleep(PERIOD_S)
        if verdict == "abort":
            goal.abort()
            return self._say(name, "aborted")
        goal.succeed()
        return self._say(name, "succeeded")

    def _say(self, name: str, ending: str) -> str:
        print(f"{name}: {ending}", flush=True)
        return ending


def main() -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    executor = MultiThreadedExecutor(6)
    executor.add_node(Controllers())
    while not over.is_set():
        executor.spin_once(timeout_sec=0.1)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
