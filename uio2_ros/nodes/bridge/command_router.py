"""Where the commands of the bridge go: topics, and the action servers that were chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from geometry_msgs.msg import PoseStamped, Twist, TwistStamped
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from uio2_ros.control import ArmInterface, BridgeSettings, GripperInterface, Navigation, PlanError
from uio2_ros.control.commands import (
    CancelGoals,
    Command,
    GripperCommand,
    Halt,
    JointCommand,
    NavigationGoal,
    PoseCommand,
    PoseRole,
    SwitchCommand,
    TrajectoryGoal,
    TwistCommand,
    TwistRole,
)
from uio2_ros.messages.commands import (
    pose_stamped,
    trajectory_message,
    twist_message,
    twist_stamped,
    value_message,
)
from uio2_ros.nodes.bridge.controllers import (
    Controller,
    action_type,
    goal_message,
    joints_of,
)
from uio2_ros.nodes.bridge.parameters import BridgeNodeSettings

EVENTS = QoSProfile(depth=10)
NEWEST = QoSProfile(depth=1)
"""Of streams: an old command is worth nothing."""
STOP_EVENT = "stop"
"""What MoveIt takes on trajectory_execution_event as the order to stop."""


class CommandRouter:
    """Gives each command to whom it is for: publishers and action clients. The spinning thread."""

    def __init__(
        self,
        node: Node,
        settings: BridgeSettings,
        node_settings: BridgeNodeSettings,
        on_progress: Callable[[float], None],
        on_end: Callable[[PlanError | None], None],
        on_gripper_end: Callable[[PlanError | None], None],
        on_stuck: Callable[[str, tuple[str, ...]], None],
    ) -> None:
        """ValueError if an action that was chosen is not installed.

        on_progress, on_end, on_gripper_end: of the newest goal of a controller; on_stuck: of a
        goal that its controller does not end, once: the controller's name and the joints that it
        moves.
        """
        self._stamped = node_settings.stamped_cmd_vel
        base = TwistStamped if self._stamped else Twist
        self._poses = {
            role: node.create_publisher(PoseStamped, role.value, EVENTS) for role in PoseRole
        }
        self._twists = {
            TwistRole.BASE: node.create_publisher(base, TwistRole.BASE.value, NEWEST),
            TwistRole.TIP: node.create_publisher(TwistStamped, TwistRole.TIP.value, NEWEST),
        }
        self._trajectory = node.create_publisher(JointTrajectory, "trajectory", NEWEST)
        self._gripper = node.create_publisher(JointState, "gripper", EVENTS)
        self._switch = node.create_publisher(JointState, "switch", EVENTS)
        self._execution_event = node.create_publisher(String, "trajectory_execution_event", EVENTS)
        self.sent: Counter[str] = Counter()
        """How many commands of each type were sent."""
        self._controllers: dict[type, tuple[Controller, Any]] = {}

        for goal, kind, name in _chosen(settings, node_settings):
            controller = Controller(
                ActionClient(node, kind, name),
                name,
                wait_s=node_settings.controller_wait_s,
                cancel_s=node_settings.cancel_timeout_s,
                on_progress=on_progress,
                on_end=on_gripper_end if goal is GripperCommand else on_end,
                on_stuck=_naming(name, on_stuck),
            )
            self._controllers[goal] = (controller, kind)

    @property
    def controllers(self) -> tuple[Controller, ...]:
        """The action clients."""
        return tuple(controller for controller, _ in self._controllers.values())

    @property
    def open_goals(self) -> int:
        """How many goals may be under way at controllers."""
        return sum(controller.open_goals for controller in self.controllers)

    @property
    def is_settled(self) -> bool:
        """Whether every goal that was cancelled has ended, or had its time to."""
        return all(controller.is_settled for controller in self.controllers)

    @property
    def complaint(self) -> str:
        """What controllers do not end; empty if nothing."""
        return "; ".join(filter(None, (controller.complaint for controller in self.controllers)))

    @property
    def loss(self) -> str:
        """What controllers that went away may go on with; empty if nothing."""
        return "; ".join(filter(None, (controller.loss for controller in self.controllers)))

    def send(self, command: Command, now_s: float) -> None:
        """Gives one command to whom it is for."""
        self.sent[type(command).__name__] += 1
        if isinstance(command, PoseCommand):
            self._poses[command.role].publish(pose_stamped(command))
        elif isinstance(command, TwistCommand):
            self._send_twist(command, now_s)
        elif isinstance(command, JointCommand):
            self._trajectory.publish(trajectory_message(command.joints, command.points))
        elif isinstance(command, GripperCommand) and GripperCommand not in self._controllers:
            self._gripper.publish(value_message(command.name, command.position, now_s))
        elif isinstance(command, SwitchCommand):
            self._switch.publish(value_message(command.name, command.level, now_s))
        elif isinstance(command, Halt):
            self._execution_event.publish(String(data=STOP_EVENT))
        elif isinstance(command, CancelGoals):
            for controller in self.controllers:
                controller.cancel()
        else:
            controller, kind = self._controllers[type(command)]
            controller.send(goal_message(kind, command))

    def hold(self, goal: TrajectoryGoal) -> None:
        """Gives an arm a goal that takes over from one that it does not end."""
        controller, kind = self._controllers[TrajectoryGoal]
        controller.hold(goal_message(kind, goal))

    def watch(self) -> None:
        """Call in each period."""
        for controller in self.controllers:
            controller.watch()

    def _send_twist(self, command: TwistCommand, now_s: float) -> None:
        stamped = self._stamped or command.role is TwistRole.TIP
        message = twist_stamped(command, now_s) if stamped else twist_message(command)
        self._twists[command.role].publish(message)


def _naming(name: str, on_stuck: Callable[[str, tuple[str, ...]], None]) -> Callable[[Any], None]:
    return lambda message: on_stuck(name, joints_of(message))


def _chosen(
    settings: BridgeSettings, node_settings: BridgeNodeSettings
) -> Iterator[tuple[type, Any, str]]:
    """Commands that are goals of an action, its type and its name."""
    if settings.navigation is Navigation.NAVIGATE_TO_POSE:
        nav = action_type("nav2_msgs", "NavigateToPose")
        yield NavigationGoal, nav, node_settings.navigate_to_pose
    if settings.arm is ArmInterface.FOLLOW_JOINT_TRAJECTORY:
        follow = action_type("control_msgs", "FollowJointTrajectory")
        yield TrajectoryGoal, follow, node_settings.follow_joint_trajectory
    if settings.gripper is GripperInterface.PARALLEL_GRIPPER_COMMAND:
        grip = action_type("control_msgs", "ParallelGripperCommand")
        yield GripperCommand, grip, node_settings.parallel_gripper_command
