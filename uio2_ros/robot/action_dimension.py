"""One number of an action: what it measures, its unit, its range and its limits. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from uio2_ros.robot.yaml_record import YamlRecord

MOST_LEVELS = 1000
"""A dimension with more steps than there are location tokens cannot be told apart by the model."""


class DimensionKind(Enum):
    """What a dimension measures, and with it which controller takes it."""

    POSITION = "position"
    ROTATION = "rotation"
    VELOCITY = "velocity"
    JOINT = "joint"
    GRIPPER = "gripper"
    DISCRETE = "discrete"


class Axis(Enum):
    """The axis of the action space's frame along or about which something moves."""

    X = "x"
    Y = "y"
    Z = "z"


SI_FACTORS: Mapping[str, float] = MappingProxyType(
    {
        "m": 1.0,
        "cm": 1e-2,
        "mm": 1e-3,
        "rad": 1.0,
        "deg": math.pi / 180,
        "m/s": 1.0,
        "cm/s": 1e-2,
        "mm/s": 1e-3,
        "rad/s": 1.0,
        "deg/s": math.pi / 180,
        "1": 1.0,
        "%": 1e-2,
    }
)
"""Units a file may use, and what one of each is in SI units."""

_LENGTHS, _ANGLES = ("m", "cm", "mm"), ("rad", "deg")
ANGULAR_VELOCITIES = ("rad/s", "deg/s")
UNITS: Mapping[DimensionKind, tuple[str, ...]] = MappingProxyType(
    {
        DimensionKind.POSITION: _LENGTHS,
        DimensionKind.ROTATION: _ANGLES,
        DimensionKind.VELOCITY: ("m/s", "cm/s", "mm/s", *ANGULAR_VELOCITIES),
        DimensionKind.JOINT: (*_ANGLES, *_LENGTHS),
        DimensionKind.GRIPPER: ("1", "%", *_LENGTHS, *_ANGLES),
        DimensionKind.DISCRETE: ("1",),
    }
)
"""The units in which each kind can be measured."""

_OLDER_NAMES = {"linear": DimensionKind.POSITION, "angular": DimensionKind.ROTATION}
_WITH_AXIS = (DimensionKind.POSITION, DimensionKind.ROTATION, DimensionKind.VELOCITY)
_WITH_JOINT = (DimensionKind.JOINT, DimensionKind.GRIPPER)
_MAY_BE_RELATIVE = (
    DimensionKind.POSITION,
    DimensionKind.ROTATION,
    DimensionKind.JOINT,
    DimensionKind.GRIPPER,
)


@dataclass(frozen=True)
class Dimension:
    """One number of an action. All numbers in SI units: m, rad, m/s, rad/s or 1.

    axis is that of the space's frame, joint the name that a joint or gripper has in `/joint_states`
    ("" where the file names none). A relative value is added to where the robot is. levels are the
    number of values, evenly spaced over the range, that there are (None: any). max_rate is the
    largest change per second a controller may make, tolerance how near is there; None: not said.
    """

    name: str
    kind: DimensionKind
    unit: str
    low: float
    high: float
    axis: Axis | None = None
    joint: str = ""
    relative: bool = False
    levels: int | None = None
    max_rate: float | None = None
    tolerance: float | None = None

    @property
    def is_angular_velocity(self) -> bool:
        """Whether a velocity is one about its axis, not along it."""
        return self.unit in ANGULAR_VELOCITIES

    def value(self, fraction: float) -> float:
        """The SI value at a fraction of the range, 0 at its low end and 1 at its high end.

        With levels, the nearest of them; exactly between two of them, the higher.
        """
        return self.low + self._at_level(fraction) * (self.high - self.low)

    def fraction(self, value: float) -> float:
        """Where in the range an SI value lies, in [0, 1]; ValueError for one outside the range."""
        if not self.low <= value <= self.high:
            raise ValueError(
                f"{self.name!r} goes from {self.low:g} to {self.high:g}, got {value:g}; cut it to "
                "the range"
            )
        return self._at_level((value - self.low) / (self.high - self.low))

    def _at_level(self, fraction: float) -> float:
        if self.levels is None:
            return fraction
        steps = self.levels - 1
        return min(math.floor(fraction * steps + 0.5), steps) / steps


_KEYS = {"name", "kind", "unit", "range", "max_rate", "tolerance"}


def read_dimension(record: YamlRecord) -> Dimension:
    """A dimension from its mapping in a file; complaints name file and line."""
    kind = _kind(record)
    record.expect_only(_KEYS | _keys_of(kind))
    unit = _unit(record, kind)
    low, high = record.numbers("range", 2)
    if low >= high:
        raise record.complaint(f"'range' must rise, got {low:g} to {high:g}", "range")
    factor = SI_FACTORS[unit]
    max_rate, tolerance = (_positive(record, key) for key in ("max_rate", "tolerance"))
    return Dimension(
        name=record.text("name"),
        kind=kind,
        unit=unit,
        low=low * factor,
        high=high * factor,
        axis=_axis(record) if kind in _WITH_AXIS else None,
        joint=record.text("joint", "") if kind in _WITH_JOINT else "",
        relative=kind in _MAY_BE_RELATIVE and record.boolean("relative", False),
        levels=_levels(record, kind, low, high),
        max_rate=None if max_rate is None else max_rate * factor,
        tolerance=None if tolerance is None else tolerance * factor,
    )


def _keys_of(kind: DimensionKind) -> set[str]:
    """Keys that not every kind has."""
    return (
        ({"axis"} if kind in _WITH_AXIS else set())
        | ({"joint"} if kind in _WITH_JOINT else set())
        | ({"relative"} if kind in _MAY_BE_RELATIVE else set())
        | ({"levels"} if kind is DimensionKind.GRIPPER else set())
    )


def _kind(record: YamlRecord) -> DimensionKind:
    given = record.text("kind")
    return _OLDER_NAMES.get(given) or record.choice("kind", DimensionKind)


def _unit(record: YamlRecord, kind: DimensionKind) -> str:
    unit = record.text("unit")
    if unit not in SI_FACTORS:
        known = ", ".join(SI_FACTORS)
        raise record.complaint(f"unknown unit {unit!r}; expected one of {known}", "unit")
    if unit not in UNITS[kind]:
        fitting = ", ".join(UNITS[kind])
        raise record.complaint(
            f"kind {kind.value} is not measured in {unit!r}; expected one of {fitting}", "unit"
        )
    return unit


def _axis(record: YamlRecord) -> Axis | None:
    return record.choice("axis", Axis) if record.has("axis") else None


def _levels(record: YamlRecord, kind: DimensionKind, low: float, high: float) -> int | None:
    if kind is DimensionKind.DISCRETE:
        if low != math.floor(low) or high != math.floor(high):
            raise record.complaint(
                f"the 'range' of a discrete dimension ends at whole numbers, got {low:g} to "
                f"{high:g}",
                "range",
            )
        levels, key = int(high - low) + 1, "range"
    elif record.has("levels"):
        levels, key = record.integer("levels"), "levels"
    else:
        return None
    if not 2 <= levels <= MOST_LEVELS:
        raise record.complaint(
            f"{key!r} gives {levels} different values; expected 2 to {MOST_LEVELS}", key
        )
    return levels


def _positive(record: YamlRecord, key: str) -> float | None:
    if not record.has(key):
        return None
    value = record.number(key)
    if value <= 0:
        raise record.complaint(f"{key!r} must be positive, got {value:g}", key)
    return value
