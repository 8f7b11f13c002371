"""What can be chosen about the bridge, typed. Seconds, metres, radians."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from uio2_ros.control.gate_settings import CapSettings, GateSettings, capped, dry_run_setting
from uio2_ros.robot.poses import Quaternion, from_roll_pitch_yaw
from uio2_ros.settings import Effect, group, setting


class Navigation(Enum):
    """How discrete moves reach the base."""

    CMD_VEL = "cmd_vel"
    GOAL_POSE = "goal_pose"
    NAVIGATE_TO_POSE = "navigate_to_pose"


class ArmInterface(Enum):
    """How joint positions reach the arm."""

    TRAJECTORY = "trajectory"
    FOLLOW_JOINT_TRAJECTORY = "follow_joint_trajectory"


class GripperInterface(Enum):
    """How openings reach a gripper."""

    TOPIC = "topic"
    PARALLEL_GRIPPER_COMMAND = "parallel_gripper_command"


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

    mode: Blend = setting(Blend.CROSSFADE, "how overlapping chunks are blended")
    duration_s: float = setting(0.3, "seconds of a crossfade", name="duration")
    decay: float = setting(0.01, "how much less each newer chunk of an ensemble counts")


def _limit(default: float, description: str, high: float, name: str) -> Any:
    return setting(default, description, low=0.001, high=high, name=name, effect=Effect.NOW)


@dataclass(frozen=True)
class SpeedSettings:
    """Speeds of discrete moves, and limits where an action space names none.

    A new value counts for the chunks under way at once, and for discrete moves from the next plan.
    """

    linear: float = _limit(
        0.25, "m/s of discrete moves and of poses without max_rate", 10.0, "speed.linear"
    )
    angular: float = _limit(0.5, "rad/s of the same", 20.0, "speed.angular")
    joint: float = _limit(0.5, "rad/s or m/s of joints without max_rate", 20.0, "speed.joint")
    linear_acceleration: float = _limit(
        0.5, "m/s^2, of velocities without max_rate", 50.0, "acceleration.linear"
    )
    angular_acceleration: float = _limit(
        1.0, "rad/s^2, of velocities without max_rate", 100.0, "acceleration.angular"
    )
    joint_acceleration: float = _limit(
        2.0, "rad/s^2 or m/s^2 of joints", 200.0, "acceleration.joint"
    )

    def within(self, caps: CapSettings) -> SpeedSettings:
        """No more than the gate allows."""
        return replace(
            self,
            linear=capped(self.linear, caps.linear_speed),
            angular=capped(self.angular, caps.angular_speed),
            joint=capped(self.joint, caps.joint_speed),
            linear_acceleration=capped(self.linear_acceleration, caps.linear_acceleration),
            angular_acceleration=capped(self.angular_acceleration, caps.angular_acceleration),
            joint_acceleration=capped(self.joint_acceleration, caps.joint_acceleration),
        )


@dataclass(frozen=True)
class PickPlaceSettings:
    """Heights of the tool above the plane of the frame, and its orientation at yaw 0."""

    pick_height: float = setting(0.02, "metres above the plane", low=-100.0, high=100.0)
    place_height: float = setting(0.05, "metres above the plane", low=-100.0, high=100.0)
    push_height: float = setting(0.02, "metres above the plane", low=-100.0, high=100.0)
    roll: float = setting(
        math.pi, "radians, of the tool at yaw 0; pi: it points down", low=-10.0, high=10.0
    )
    pitch: float = setting(0.0, "radians, of the tool at yaw 0", low=-10.0, high=10.0)
    yaw: float = setting(0.0, "radians, of the tool at yaw 0", low=-10.0, high=10.0)

    @property
    def tool(self) -> Quaternion:
        """The orientation at yaw 0."""
        return from_roll_pitch_yaw(self.roll, self.pitch, self.yaw)


@dataclass(frozen=True)
class HandOverSettings:
    """Poses on topics, whose controllers report on `step_done` or not at all.

    A step lasts until it is reported, at most `step_s`. Unreported then, it failed if `confirm`,
    else it counts as done.
    """

    step_s: float = setting(
        10.0,
        "seconds a pose on a topic may take to be reported on step_done",
        low=0.001,
        name="step_seconds",
    )
    confirm: bool = setting(False, "a step that nobody reports failed; false: it is done")


@dataclass(frozen=True)
class BridgeSettings:
    """How plans are carried out."""

    frame_id: str = setting(
        "base_link", "frame of the commands; plans in another need a transform", name="frame"
    )
    rate_hz: float = setting(20.0, "control periods per second", low=1.0, high=500.0, name="rate")
    max_age_s: float = setting(
        10.0, "seconds that the picture of a plan may be old", low=0.001, name="max_age"
    )
    timeout_s: float = setting(
        120.0, "seconds a plan may take where a goal does not say", low=0.001, name="timeout"
    )
    joint_state_timeout_s: float = setting(
        0.5,
        "seconds a joint position counts; 0: move arms without knowing where they are",
        name="joint_state_timeout",
    )
    tf_max_age_s: float = setting(
        5.0, "seconds a moving transform counts", low=0.001, name="tf_max_age"
    )
    goal_tolerance: float = setting(
        0.02,
        "rad or m off its last target at which a joint without tolerance is there",
        low=1e-6,
        name="goal.tolerance",
    )
    goal_s: float = setting(
        2.0, "seconds after a plan's end until which joints are seen there", name="goal.seconds"
    )
    navigation: Navigation = setting(Navigation.CMD_VEL, "who carries out discrete moves")
    goal_frame_id: str = setting(
        "",
        "frame of navigation goals, such as map; empty: that of the plan",
        name="goal_frame",
    )
    arm: ArmInterface = setting(ArmInterface.TRAJECTORY, "who carries out joint positions")
    gripper: GripperInterface = setting(GripperInterface.TOPIC, "who carries out openings")
    origin: Origin = setting(
        Origin.STAMP, "when the first step of a chunk on plan is due", name="chunk.origin"
    )
    blend: BlendSettings = group(BlendSettings, "blend")
    speed: SpeedSettings = group(SpeedSettings)
    pick_place: PickPlaceSettings = group(PickPlaceSettings, "pick_place")
    hand_over: HandOverSettings = group(HandOverSettings, "hand_over")
    dry_run: bool = dry_run_setting()
    gate: GateSettings = group(GateSettings, "gate")

    @property
    def period_s(self) -> float:
        """Between two commands."""
        return 1.0 / self.rate_hz

    @property
    def sends_goals(self) -> bool:
        """Whether action servers may have goals of this bridge."""
        return (
            self.navigation is Navigation.NAVIGATE_TO_POSE
            or self.arm is ArmInterface.FOLLOW_JOINT_TRAJECTORY
            or self.gripper is GripperInterface.PARALLEL_GRIPPER_COMMAND
        )
