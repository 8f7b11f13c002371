"""What the gate allows. Metres, radians, seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from uio2_ros.robot.poses import Vector3
from uio2_ros.settings import Effect, group, setting


def _cap(default: float, what: str, name: str) -> Any:
    return setting(default, f"{what}; 0: no cap", low=0.0, high=1000.0, name=name)


@dataclass(frozen=True)
class CapSettings:
    """The most that a plan may ask for, and that any command says, whatever action spaces allow."""

    linear_speed: float = _cap(2.0, "m/s a plan may ask for and be commanded", "speed.linear")
    angular_speed: float = _cap(4.0, "rad/s of the same", "speed.angular")
    joint_speed: float = _cap(6.0, "rad/s or m/s of each joint", "speed.joint")
    linear_acceleration: float = _cap(
        20.0, "m/s^2 between two steps of a plan, and commanded", "acceleration.linear"
    )
    angular_acceleration: float = _cap(40.0, "rad/s^2 of the same", "acceleration.angular")
    joint_acceleration: float = _cap(100.0, "rad/s^2 or m/s^2 of each joint", "acceleration.joint")


@dataclass(frozen=True)
class StartSettings:
    """How far from where the robot is a plan may begin."""

    joint: float = setting(
        0.5, "rad or m between a joint and its first step; 0: not looked at", high=100.0
    )
    linear: float = setting(
        0.3, "metres between the tip and its first step; 0: not looked at", high=100.0
    )


@dataclass(frozen=True)
class SceneCheckSettings:
    """Whether the camera still shows what the plan was made from."""

    threshold: float = setting(
        0.0,
        "share of the picture that may look different from the plan's when it begins; 0: not "
        "looked at",
        high=1.0,
    )


@dataclass(frozen=True)
class GateSettings:
    """What a plan has to pass."""

    blend_in_s: float = setting(
        1.0,
        "seconds in which speeds rise from 0 to what is allowed, after the start and each stop",
        high=60.0,
        name="blend_in",
    )
    estop_heartbeat_s: float = setting(
        0.0,
        "seconds of silence on estop that are a stop; 0: no heartbeat is expected",
        high=60.0,
        name="estop_heartbeat",
    )
    workspace: str = setting(
        "", "YAML file with the box that is never left and zones kept out of; empty: none"
    )
    robot_description: str = setting(
        "", "URDF file with joint limits; empty: what comes on robot_description"
    )
    caps: CapSettings = group(CapSettings)
    start: StartSettings = group(StartSettings, "start")
    scene: SceneCheckSettings = group(SceneCheckSettings, "scene")


DRY_RUN_MEANING = "true: show what plans would move, and move nothing"


def dry_run_setting() -> Any:
    """The bridge's `dry_run`."""
    return setting(True, DRY_RUN_MEANING, effect=Effect.NOW)


def capped(limit: float, cap: float) -> float:
    """The smaller of the two; a cap of 0 is none."""
    return min(limit, cap) if cap > 0 else limit


def shortened(vector: Vector3, cap: float) -> Vector3:
    """The vector, no longer than the cap; 0: as it is."""
    length = math.hypot(*vector)
    if cap <= 0 or length <= cap:
        return vector
    x, y, z = (cap / length * part for part in vector)
    return x, y, z


def shared(cap: float, axes: int) -> float:
    """What each of some axes may have so that together they keep to a cap, in any direction."""
    return cap / math.sqrt(max(axes, 1))
