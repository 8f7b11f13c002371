"""What the bridge tells controllers, free of ROS types. SI units; quaternions are w, x, y, z."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from uio2_ros.robot.poses import Pose3D, Vector3


class PoseRole(Enum):
    """Whom a pose is for; the topic's name."""

    PICK = "pick_pose"
    PLACE = "place_pose"
    GOAL = "goal_pose"
    TARGET = "target_pose"


class TwistRole(Enum):
    """Whom a twist is for; the topic's name."""

    BASE = "cmd_vel"
    TIP = "tip_twist"


@dataclass(frozen=True)
class PoseCommand:
    """A pose to go to. stamp_s: seconds, when the pose was right in its frame."""

    role: PoseRole
    frame_id: str
    pose: Pose3D
    stamp_s: float


@dataclass(frozen=True)
class TwistCommand:
    """Velocities along and about the axes of a frame: m/s and rad/s."""

    role: TwistRole
    frame_id: str
    linear: Vector3 = (0.0, 0.0, 0.0)
    angular: Vector3 = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class JointPoint:
    """Where joints are to be, `time_s` seconds after the command.

    velocities: how fast they move there; empty: the controller's choice.
    """

    time_s: float
    positions: tuple[float, ...]
    velocities: tuple[float, ...] = ()


@dataclass(frozen=True)
class JointCommand:
    """Points that joints pass, for a controller that follows a topic."""

    joints: tuple[str, ...]
    points: tuple[JointPoint, ...]


@dataclass(frozen=True)
class GripperCommand:
    """An opening, in the unit of its dimension: m, rad or 0 to 1. speed: the most; None: any."""

    name: str
    position: float
    speed: float | None = None


@dataclass(frozen=True)
class SwitchCommand:
    """The level of a discrete dimension, under its name."""

    name: str
    level: float


@dataclass(frozen=True)
class NavigationGoal:
    """A pose for an action server that navigates."""

    frame_id: str
    pose: Pose3D
    stamp_s: float


@dataclass(frozen=True)
class TrajectoryGoal:
    """Points for an action server that moves joints."""

    joints: tuple[str, ...]
    points: tuple[JointPoint, ...]


@dataclass(frozen=True)
class CancelGoals:
    """Every goal at an action server is to end where the robot is."""


@dataclass(frozen=True)
class Halt:
    """Whoever executes poses of this bridge is to stop."""


Goal = NavigationGoal | TrajectoryGoal
Command = (
    PoseCommand
    | TwistCommand
    | JointCommand
    | GripperCommand
    | SwitchCommand
    | Goal
    | CancelGoals
    | Halt
)
