"""Action spaces: what a robot's actions mean, declared in `config/action_spaces/*.yaml`. No torch.

A file names the space's kind, its dimensions with range, unit and kind, the frame its poses are
in, for discrete spaces the actions, and for continuous ones the rate. Values leave this module in
SI units.
"""

from __future__ import annotations

import math
import os
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from uio2_ros.tasks.yaml_record import YamlRecord

FOLDER = Path("config") / "action_spaces"
_SHARE = Path("share") / "uio2_ros" / FOLDER
_Kind = TypeVar("_Kind", bound=Enum)


class ActionSpaceError(ValueError):
    """An action-space file that cannot be used; the message names the file and the line."""


class SpaceKind(Enum):
    """How actions are written: motion primitives with poses, names, or one value per dimension."""

    PICK_PLACE = "pick_place"
    DISCRETE = "discrete"
    CONTINUOUS = "continuous"


class DimensionKind(Enum):
    """What a dimension measures."""

    LINEAR = "linear"
    ANGULAR = "angular"
    JOINT = "joint"
    VELOCITY = "velocity"
    GRIPPER = "gripper"


SI_FACTORS: Mapping[str, float] = MappingProxyType(
    {
        "m": 1.0,
        "mm": 1e-3,
        "rad": 1.0,
        "deg": math.pi / 180,
        "m/s": 1.0,
        "rad/s": 1.0,
        "deg/s": math.pi / 180,
        "1": 1.0,
    }
)
"""Units a file may use, and what one of each is in SI units."""


@dataclass(frozen=True)
class Dimension:
    """One number of an action; low and high in SI units."""

    name: str
    kind: DimensionKind
    unit: str
    low: float
    high: float

    def value(self, fraction: float) -> float:
        """The SI value at a fraction of the range, 0 at its low end and 1 at its high end."""
        return self.low + fraction * (self.high - self.low)


@dataclass(frozen=True)
class NamedAction:
    """A discrete action and the motion it stands for, one SI value per dimension."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class ActionSpace:
    """The meaning of a robot's actions.

    prompt is how the model is told of the space; rate_hz the steps per second of continuous actions
    (None where each step ends when it is done).
    """

    name: str
    kind: SpaceKind
    prompt: str
    frame_id: str
    dimensions: tuple[Dimension, ...]
    actions: tuple[NamedAction, ...] = ()
    rate_hz: float | None = None

    @property
    def dimension_names(self) -> tuple[str, ...]:
        return tuple(dimension.name for dimension in self.dimensions)

    def action(self, name: str) -> NamedAction:
        """The discrete action of that name; KeyError if there is none."""
        return {action.name: action for action in self.actions}[name]


def action_space_folder(explicit: str | os.PathLike[str] | None = None) -> Path:
    """Where the action-space files are.

    The first that exists of: the explicit folder (and no other if one is given), the share folder
    of the package in each ROS prefix, the data folder of the Python environment, the source tree.
    Raises ActionSpaceError, naming them all.
    """
    candidates = [Path(explicit)] if explicit is not None else list(_usual_folders())
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise ActionSpaceError(
        "no folder of action spaces; looked for " + ", ".join(map(str, candidates))
    )


def _usual_folders() -> Iterator[Path]:
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix:
            yield Path(prefix) / _SHARE
    yield Path(sysconfig.get_path("data")) / _SHARE
    yield Path(__file__).resolve().parents[2] / FOLDER


def load_action_spaces(
    folder: str | os.PathLike[str] | None = None,
) -> Mapping[str, ActionSpace]:
    """Every action space of a folder (see `action_space_folder`), by name.

    Raises ActionSpaceError for a file that is not valid, a name given twice, or no file at all.
    """
    found = action_space_folder(folder)
    spaces: dict[str, ActionSpace] = {}
    for path in sorted(found.glob("*.yaml")):
        space = read_action_space(path)
        if space.name in spaces:
            raise ActionSpaceError(f"{path}:1: another file also declares {space.name!r}")
        spaces[space.name] = space
    if not spaces:
        raise ActionSpaceError(f"{found}: holds no *.yaml file; expected one per action space")
    return MappingProxyType(spaces)


_KEYS_OF_KIND: Mapping[SpaceKind, tuple[str, ...]] = {
    SpaceKind.PICK_PLACE: (),
    SpaceKind.DISCRETE: ("actions",),
    SpaceKind.CONTINUOUS: ("rate_hz",),
}


def read_action_space(path: Path) -> ActionSpace:
    """One file. Raises ActionSpaceError with file and line."""
    record = YamlRecord.read(path, ActionSpaceError)
    kind = _choice(record, "kind", SpaceKind)
    record.expect_only({"name", "kind", "prompt", "frame_id", "dimensions", *_KEYS_OF_KIND[kind]})
    dimensions = tuple(_dimension(item) for item in record.records("dimensions"))
    _expect_distinct(record, "dimensions", [dimension.name for dimension in dimensions])
    actions = _actions(record, dimensions) if kind is SpaceKind.DISCRETE else ()
    space = ActionSpace(
        name=record.text("name"),
        kind=kind,
        prompt=record.text("prompt", _default_prompt(kind, dimensions, actions)),
        frame_id=record.text("frame_id"),
        dimensions=dimensions,
        actions=actions,
        rate_hz=_rate(record) if kind is SpaceKind.CONTINUOUS else None,
    )
    _expect_fit(record, space)
    return space


def _dimension(record: YamlRecord) -> Dimension:
    record.expect_only({"name", "kind", "unit", "range"})
    unit = record.text("unit")
    if unit not in SI_FACTORS:
        known = ", ".join(SI_FACTORS)
        raise record.complaint(f"unknown unit {unit!r}; expected one of {known}", "unit")
    low, high = record.numbers("range", 2)
    if low >= high:
        raise record.complaint(f"'range' must rise, got {low:g} to {high:g}", "range")
    factor = SI_FACTORS[unit]
    kind = _choice(record, "kind", DimensionKind)
    return Dimension(record.text("name"), kind, unit, low * factor, high * factor)


def _actions(record: YamlRecord, dimensions: tuple[Dimension, ...]) -> tuple[NamedAction, ...]:
    actions = tuple(_action(item, dimensions) for item in record.records("actions"))
    _expect_distinct(record, "actions", [action.name for action in actions])
    return actions


def _action(record: YamlRecord, dimensions: tuple[Dimension, ...]) -> NamedAction:
    record.expect_only({"name", "values"})
    given = record.numbers("values", len(dimensions))
    values = tuple(
        value * SI_FACTORS[dimension.unit]
        for value, dimension in zip(given, dimensions, strict=True)
    )
    for value, dimension in zip(values, dimensions, strict=True):
        if not dimension.low <= value <= dimension.high:
            raise record.complaint(
                f"the value of {dimension.name!r} lies outside the range of that dimension",
                "values",
            )
    return NamedAction(record.text("name"), values)


def _rate(record: YamlRecord) -> float:
    rate = record.number("rate_hz")
    if rate <= 0:
        raise record.complaint(f"'rate_hz' must be positive, got {rate:g}", "rate_hz")
    return rate


def _choice(record: YamlRecord, key: str, kinds: type[_Kind]) -> _Kind:
    given = record.text(key)
    try:
        return kinds(given)
    except ValueError:
        known = ", ".join(str(kind.value) for kind in kinds)
        raise record.complaint(f"unknown {key} {given!r}; expected one of {known}", key) from None


def _default_prompt(
    kind: SpaceKind, dimensions: tuple[Dimension, ...], actions: tuple[NamedAction, ...]
) -> str | None:
    if kind is SpaceKind.DISCRETE:
        return ", ".join(action.name for action in actions)
    if kind is SpaceKind.CONTINUOUS:
        return ", ".join(dimension.name for dimension in dimensions)
    return None


def _expect_distinct(record: YamlRecord, key: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise record.complaint(f"{key!r} names {twice[0]!r} twice", key)


def _expect_fit(record: YamlRecord, space: ActionSpace) -> None:
    if space.kind is SpaceKind.PICK_PLACE and space.dimension_names != ("x", "y", "yaw"):
        raise record.complaint(
            "an action space of kind pick_place has the dimensions x, y, yaw in this order, got "
            + ", ".join(space.dimension_names),
            "dimensions",
        )
