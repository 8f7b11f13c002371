"""What can be chosen about the bridge, typed. Seconds, metres, radians."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from uio2_ros.robot.poses import Quaternion, from_roll_pitch_yaw


class Navigation(Enum):
    """How discrete moves reach the base."""

    CMD_VEL = "cmd_vel"
    GOAL_POSE = "goal_pose"
    NAVIGATE_TO_POSE = "navigate_to_pose"


class Arm(Enum):
    """How joint positions reach the arm."""

    TRAJECTORY = "trajectory"
    FOLLOW_JOINT_TRAJECTORY = "follow_joint_trajectory"


class Blend(Enum):
    """What becomes of a chunk when the next one comes."""

    NONE = "none"
    CROSSFADE = "crossfade"
    ENSEMBLE = "ensemble"


class Origin(Enum):
    """When the first step of a chunk is due."""

    STAMP = "stamp"
    ARRIVAL = "arrival"


@dataclass(frozen=True)
class BlendSettings:
    """crossfade: the old chunk fades into the new over `duration_s`.

    ensemble: all chunks that cover a moment count, the i-th oldest by exp(-decay * i), as in ACT
    (arXiv 2304.13705, section IV-A).
    """

    mode: Blend = Blend.CROSSFADE
    duration_s: float = 0.3
    decay: float = 0.01


@dataclass(frozen=True)
class SpeedSettings:
    """Speeds of discrete moves, and limits where an action space names none."""

    linear: float = 0.25  # m/s
    angular: float = 0.5  # rad/s
    linear_acceleration: float = 0.5  # m/s^2
    angular_acceleration: float = 1.0  # rad/s^2
    joint: float = 0.5  # rad/s or m/s
    joint_acceleration: float = 2.0  # rad/s^2 or m/s^2


@dataclass(frozen=True)
class PickPlaceSettings:
    """Heights of the tool above the plane of the frame, and its orientation at yaw 0."""

    pick_height: float = 0.02
    place_height: float = 0.05
    push_height: float = 0.02
    tool: Quaternion = field(default_factory=lambda: from_roll_pitch_yaw(3.141592653589793, 0, 0))


@dataclass(frozen=True)
class HandOverSettings:
    """Poses on topics, whose controllers report on `step_done` or not at all.

    A step lasts until it is reported, at most `step_s`. Unreported then, it failed if `confirm`,
    else it counts as done.
    """

    step_s: float = 10.0
    confirm: bool = False


@dataclass(frozen=True)
class BridgeSettings:
    """All of it. period_s is the control period."""

    frame_id: str = "base_link"
    goal_frame_id: str = ""
    period_s: float = 0.05
    max_age_s: float = 10.0
    timeout_s: float = 120.0
    joint_state_timeout_s: float = 0.5
    tf_max_age_s: float = 5.0
    origin: Origin = Origin.STAMP
    navigation: Navigation = Navigation.CMD_VEL
    arm: Arm = Arm.TRAJECTORY
    blend: BlendSettings = field(default_factory=BlendSettings)
    speed: SpeedSettings = field(default_factory=SpeedSettings)
    pick_place: PickPlaceSettings = field(default_factory=PickPlaceSettings)
    hand_over: HandOverSettings = field(default_factory=HandOverSettings)
