"""What each dimension of a continuous or discrete action space drives, and within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from uio2_ros.control.gate_settings import CapSettings, capped, shared
from uio2_ros.control.settings import SpeedSettings
from uio2_ros.robot.action_space import ActionSpace, Axis, Dimension, DimensionKind
from uio2_ros.robot.plan_errors import Cause, PlanError

Array = npt.NDArray[np.float64]

_AXIS_INDEX = {Axis.X: 0, Axis.Y: 1, Axis.Z: 2}
SLOTS = 6
"""Along x, y, z and about x, y, z."""
UNLIMITED = float("inf")
FULL_TURN = 2 * np.pi
NO_CAPS = CapSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Drive(Enum):
    """What a dimension drives."""

    JOINT = "joint"
    GRIPPER = "gripper"
    TWIST = "twist"
    POSE = "pose"
    SWITCH = "switch"


_MOVES = (DimensionKind.POSITION, DimensionKind.ROTATION)


def drive_of(dimension: Dimension) -> Drive:
    """Relative motions and velocities become twists, absolute ones poses."""
    if dimension.kind is DimensionKind.JOINT:
        return Drive.JOINT
    if dimension.kind is DimensionKind.GRIPPER:
        return Drive.GRIPPER
    if dimension.kind is DimensionKind.VELOCITY:
        return Drive.TWIST
    if dimension.kind in _MOVES:
        return Drive.TWIST if dimension.relative else Drive.POSE
    return Drive.SWITCH


def slot_of(dimension: Dimension) -> int:
    """Which of the six degrees of freedom: along x, y, z, then about x, y, z.

    Without an axis: forward, and about z, as on a base.
    """
    turns = dimension.kind is DimensionKind.ROTATION or dimension.is_angular_velocity
    axis = dimension.axis or (Axis.Z if turns else Axis.X)
    return _AXIS_INDEX[axis] + (3 if turns else 0)


def joint_name(dimension: Dimension) -> str:
    """The name that a joint has in joint_states and trajectories."""
    return dimension.joint or dimension.name


def joints_of(space: ActionSpace) -> tuple[str, ...]:
    """The joints that are moved to positions."""
    return tuple(joint_name(item) for item in space.dimensions if drive_of(item) is Drive.JOINT)


def indices_of(space: ActionSpace, *drives: Drive) -> list[int]:
    """Which dimensions drive one of these."""
    return [index for index, item in enumerate(space.dimensions) if drive_of(item) in drives]


def expect_drivable(space: ActionSpace) -> None:
    """PlanError INVALID_PLAN if the dimensions make no command."""
    for dimension in space.dimensions:
        if dimension.relative and drive_of(dimension) in (Drive.JOINT, Drive.GRIPPER):
            raise PlanError(
                Cause.INVALID_PLAN,
                f"{dimension.name!r} of {space.name!r} is relative; the bridge moves joints and "
                "grippers to absolute positions only",
            )
    for drive in (Drive.TWIST, Drive.POSE):
        _expect_distinct(space, drive)
    posed = {slot_of(item) for item in space.dimensions if drive_of(item) is Drive.POSE}
    if posed and not posed >= {0, 1, 2}:
        raise PlanError(
            Cause.INVALID_PLAN,
            f"{space.name!r} does not say where on all of x, y and z; declare three dimensions "
            "of kind position with an axis each, or relative ones",
        )


def _expect_distinct(space: ActionSpace, drive: Drive) -> None:
    seen: dict[int, str] = {}
    for dimension in space.dimensions:
        if drive_of(dimension) is not drive:
            continue
        other = seen.setdefault(slot_of(dimension), dimension.name)
        if other != dimension.name:
            raise PlanError(
                Cause.INVALID_PLAN,
                f"{other!r} and {dimension.name!r} of {space.name!r} move along or about the same "
                "axis; give each an axis of its own in the file of the action space",
            )


@dataclass(frozen=True)
class Axes:
    """The dimensions as arrays, (D,) each.

    `is_velocity` tells which are commanded as velocities and rest at 0, the others rest where they
    are. `is_relative` tells which of them are motions: what is followed is their way, which has no
    range, and the velocity is the means. `has_levels` tells which jump instead of moving,
    `goes_round` which are angles without ends: they have no range, and a turn more or less is the
    same. speed is the most change per second, acceleration that of the speed; for velocities that
    are no motions speed is their acceleration.
    """

    low: Array
    high: Array
    speed: Array
    acceleration: Array
    is_velocity: npt.NDArray[np.bool_]
    is_relative: npt.NDArray[np.bool_]
    has_levels: npt.NDArray[np.bool_]
    goes_round: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        space: ActionSpace,
        speeds: SpeedSettings,
        caps: CapSettings = NO_CAPS,
        *,
        grippers_jump: bool = False,
    ) -> Axes:
        """The axes of a continuous action space, none of them beyond the caps.

        grippers_jump: they are told the opening of a step when it begins, and move by themselves.
        """
        items = space.dimensions
        low, high = (
            np.array(column) for column in zip(*((d.low, d.high) for d in items), strict=True)
        )
        limits = [
            _within(caps, item, space, *_limits(item, speeds, space.rate_hz or 1.0))
            for item in items
        ]
        speed, acceleration = (np.array(column) for column in zip(*limits, strict=True))
        is_relative = np.array([_is_motion(item) for item in items])
        goes_round = np.array([_goes_round(item) for item in items])
        return cls(
            low=np.where(goes_round | is_relative, -UNLIMITED, low),
            high=np.where(goes_round | is_relative, UNLIMITED, high),
            speed=speed,
            acceleration=acceleration,
            is_velocity=np.array([drive_of(item) is Drive.TWIST for item in items]),
            is_relative=is_relative,
            has_levels=np.array(
                [
                    _has_levels(item) or (grippers_jump and drive_of(item) is Drive.GRIPPER)
                    for item in items
                ]
            ),
            goes_round=goes_round,
        )

    def way(self, begin: Array, end: Array) -> Array:
        """(..., D) from one value to another; angles that go round take the shorter way."""
        way = end - begin
        return np.where(self.goes_round, np.remainder(way + np.pi, FULL_TURN) - np.pi, way)


def _goes_round(dimension: Dimension) -> bool:
    """An orientation that may be any: within a smaller range the shorter way may be forbidden."""
    is_orientation = dimension.kind is DimensionKind.ROTATION and drive_of(dimension) is Drive.POSE
    return is_orientation and dimension.high - dimension.low >= FULL_TURN - 1e-6


def _is_motion(dimension: Dimension) -> bool:
    """How far to go and not where to, nor how fast."""
    return dimension.relative and dimension.kind in _MOVES


def _has_levels(dimension: Dimension) -> bool:
    return dimension.levels is not None or drive_of(dimension) is Drive.SWITCH


def _limits(dimension: Dimension, speeds: SpeedSettings, rate_hz: float) -> tuple[float, float]:
    """Largest change per second, and largest change of that per second."""
    turns = slot_of(dimension) >= 3
    acceleration = speeds.angular_acceleration if turns else speeds.linear_acceleration
    if _is_motion(dimension):
        longest = max(abs(dimension.low), abs(dimension.high))
        return dimension.max_rate or longest * rate_hz, acceleration
    if drive_of(dimension) is Drive.TWIST:
        return dimension.max_rate or acceleration, UNLIMITED
    if _has_levels(dimension):
        return UNLIMITED, UNLIMITED
    if drive_of(dimension) is Drive.POSE:
        return dimension.max_rate or (speeds.angular if turns else speeds.linear), acceleration
    return dimension.max_rate or speeds.joint, speeds.joint_acceleration


def _within(
    caps: CapSettings, dimension: Dimension, space: ActionSpace, speed: float, acceleration: float
) -> tuple[float, float]:
    """The limits of an axis with which all axes that move with it keep to the caps together."""
    drive = drive_of(dimension)
    if drive is Drive.JOINT:
        return capped(speed, caps.joint_speed), capped(acceleration, caps.joint_acceleration)
    if drive not in (Drive.TWIST, Drive.POSE):
        return speed, acceleration
    turns = slot_of(dimension) >= 3
    count = sum(
        drive_of(item) is drive and (slot_of(item) >= 3) == turns for item in space.dimensions
    )
    most = caps.angular_acceleration if turns else caps.linear_acceleration
    most_speed = caps.angular_speed if turns else caps.linear_speed
    if drive is Drive.TWIST and not _is_motion(dimension):  # whose speed is an acceleration
        return capped(speed, shared(most, count)), acceleration
    return capped(speed, shared(most_speed, count)), capped(acceleration, shared(most, count))


def expect_values(space: ActionSpace, values: Sequence[float], where: str) -> None:
    """PlanError unless there is one finite value in its range for each dimension."""
    if len(values) != len(space.dimensions):
        raise PlanError(
            Cause.INVALID_PLAN,
            f"{where} has {len(values)} values; {space.name!r} has {len(space.dimensions)} "
            f"dimensions: {', '.join(space.dimension_names)}",
        )
    for dimension, value in zip(space.dimensions, values, strict=True):
        expect_value(dimension, value, where)


def expect_value(dimension: Dimension, value: float, where: str) -> None:
    """PlanError INVALID_PLAN for what is no number, OUT_OF_LIMITS for one outside the range."""
    if not np.isfinite(value):
        raise PlanError(
            Cause.INVALID_PLAN, f"{dimension.name!r} of {where} is {value}, which is no number"
        )
    slack = 1e-6 * (dimension.high - dimension.low)
    if not dimension.low - slack <= value <= dimension.high + slack:
        raise PlanError(
            Cause.OUT_OF_LIMITS,
            f"{dimension.name!r} of {where} is {value:g}, its range in SI units is "
            f"{dimension.low:g} to {dimension.high:g}; correct the plan or the action space",
        )
