"""One number of an action: what it measures, its unit, its range and its limits. No torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from uio2_ros.robot.records import FieldError

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
_KINDS_WITH: Mapping[str, Collection[DimensionKind]] = MappingProxyType(
    {
        "axis": (DimensionKind.POSITION, DimensionKind.ROTATION, DimensionKind.VELOCITY),
        "joint": (DimensionKind.JOINT, DimensionKind.GRIPPER),
        "relative": (
            DimensionKind.POSITION,
            DimensionKind.ROTATION,
            DimensionKind.JOINT,
            DimensionKind.GRIPPER,
        ),
        "levels": (DimensionKind.GRIPPER,),
    }
)
"""Keys that not every kind has."""


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


@dataclass(frozen=True)
class DimensionRecord:
    """A dimension as a file declares it, in the unit it names. FieldError for what cannot be."""

    name: str
    kind: str
    unit: str
    range: tuple[float, float]
    axis: Axis | None = None
    joint: str = ""
    relative: bool = False
    levels: int | None = None
    max_rate: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        kind = self.dimension_kind
        for key, kinds in _KINDS_WITH.items():
            if kind not in kinds and getattr(self, key) not in (None, "", False):
                raise FieldError(f"is not for dimensions of kind {kind.value}", key)
        if self.unit not in UNITS[kind]:
            raise FieldError(
                f"is {self.unit!r}, expected one of {', '.join(UNITS[kind])} for kind {kind.value}",
                "unit",
            )
        low, high = self.range
        if low >= high:
            raise FieldError(f"must rise, got {low:g} to {high:g}", "range")
        if kind is DimensionKind.DISCRETE and not (low.is_integer() and high.is_integer()):
            raise FieldError(
                f"of a discrete dimension ends at whole numbers, got {low:g} to {high:g}", "range"
            )
        if self.level_count is not None and not 2 <= self.level_count <= MOST_LEVELS:
            raise FieldError(
                f"gives {self.level_count} different values; expected 2 to {MOST_LEVELS}",
                "range" if kind is DimensionKind.DISCRETE else "levels",
            )
        for key in ("max_rate", "tolerance"):
            value = getattr(self, key)
            if value is not None and value <= 0:
                raise FieldError(f"must be positive, got {value:g}", key)

    @property
    def dimension_kind(self) -> DimensionKind:
        """Of the name that the file gives, or gave in older versions."""
        kinds = {kind.value: kind for kind in DimensionKind} | _OLDER_NAMES
        if self.kind not in kinds:
            known = ", ".join(kind.value for kind in DimensionKind)
            raise FieldError(f"is {self.kind!r}, expected one of {known}", "kind")
        return kinds[self.kind]

    @property
    def level_count(self) -> int | None:
        """How many values there are; a discrete dimension has all whole numbers of its range."""
        if self.dimension_kind is DimensionKind.DISCRETE:
            return int(self.range[1] - self.range[0]) + 1
        return self.levels

    def in_si_units(self) -> Dimension:
        """The dimension that is declared."""
        factor = SI_FACTORS[self.unit]
        low, high = self.range
        return Dimension(
            name=self.name,
            kind=self.dimension_kind,
            unit=self.unit,
            low=low * factor,
            high=high * factor,
            axis=self.axis,
            joint=self.joint,
            relative=self.relative,
            levels=self.level_count,
            max_rate=None if self.max_rate is None else self.max_rate * factor,
            tolerance=None if self.tolerance is None else self.tolerance * factor,
        )
