"""Action spaces: what a robot's actions mean, declared in `config/action_spaces/*.yaml`. No torch.

A file names the space's kind, its dimensions with range, unit and kind, the frame its poses are
in, for discrete spaces the actions, and for continuous ones the rate. Values leave this module in
SI units. docs/representations.md has an annotated file.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from uio2_ros.robot.action_dimension import (
    ANGULAR_VELOCITIES,
    SI_FACTORS,
    Axis,
    Dimension,
    DimensionKind,
    DimensionRecord,
)
from uio2_ros.robot.records import FieldError, read_yaml

__all__ = [
    "SI_FACTORS",
    "ActionSpace",
    "ActionSpaceError",
    "Axis",
    "Dimension",
    "DimensionKind",
    "NamedAction",
    "SpaceKind",
    "action_space_folder",
    "load_action_spaces",
    "read_action_space",
]

FOLDER = Path("config") / "action_spaces"
_SHARE = Path("share") / "uio2_ros" / FOLDER


class ActionSpaceError(ValueError):
    """An action-space file that cannot be used; the message names the file and the line."""


class SpaceKind(Enum):
    """How actions are written: motion primitives with poses, names, or one value per dimension."""

    PICK_PLACE = "pick_place"
    DISCRETE = "discrete"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class NamedAction:
    """A discrete action and the motion it stands for, one SI value per dimension."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class ActionSpace:
    """The meaning of a robot's actions.

    prompt is how the model is told of the space; frame_id the frame of its poses and velocities.
    Continuous spaces have a rate_hz, the steps per second (None elsewhere: there each step ends
    when it is done), a chunk, the steps of one answer, and the frame that their poses move,
    tip_frame_id ("" where none is named).
    """

    name: str
    kind: SpaceKind
    prompt: str
    frame_id: str
    dimensions: tuple[Dimension, ...]
    actions: tuple[NamedAction, ...] = ()
    rate_hz: float | None = None
    chunk: int = 1
    tip_frame_id: str = ""

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
    candidates = [Path(explicit).expanduser()] if explicit is not None else list(_usual_folders())
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


def read_action_space(path: Path) -> ActionSpace:
    """One file. Raises ActionSpaceError with file and line."""
    record = read_yaml(path, SpaceRecord, ActionSpaceError)
    dimensions = tuple(declared.in_si_units() for declared in record.dimensions)
    factors = [SI_FACTORS[dimension.unit] for dimension in dimensions]
    return ActionSpace(
        name=record.name,
        kind=record.kind,
        prompt=record.prompt or _default_prompt(record),
        frame_id=record.frame_id,
        dimensions=dimensions,
        actions=tuple(
            NamedAction(
                action.name,
                tuple(value * factor for value, factor in zip(action.values, factors, strict=True)),
            )
            for action in record.actions
        ),
        rate_hz=record.rate_hz,
        chunk=record.chunk,
        tip_frame_id=record.tip_frame_id,
    )


def _default_prompt(record: SpaceRecord) -> str:
    named = record.actions if record.kind is SpaceKind.DISCRETE else record.dimensions
    return ", ".join(each.name for each in named)


@dataclass(frozen=True)
class ActionRecord:
    """A discrete action as a file declares it, in the units of its dimensions."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class SpaceRecord:
    """An action space as its file declares it. FieldError for what cannot be."""

    name: str
    kind: SpaceKind
    frame_id: str
    dimensions: tuple[DimensionRecord, ...]
    prompt: str | None = None
    actions: tuple[ActionRecord, ...] = ()
    rate_hz: float | None = None
    chunk: int = 1
    tip_frame_id: str = ""

    def __post_init__(self) -> None:
        self._expect_keys_of_kind()
        if not self.dimensions:
            raise FieldError("is empty, expected one dimension or more", "dimensions")
        if self.rate_hz is not None and self.rate_hz <= 0:
            raise FieldError(f"must be positive, got {self.rate_hz:g}", "rate_hz")
        if self.chunk < 1:
            raise FieldError(f"is {self.chunk}, expected 1 step or more", "chunk")
        _expect_distinct("dimensions", "name", [each.name for each in self.dimensions])
        _expect_distinct("dimensions", "joint", [each.joint or None for each in self.dimensions])
        _expect_distinct("dimensions", "axis", [_motion(each) for each in self.dimensions])
        _expect_distinct("actions", "name", [action.name for action in self.actions])
        for index, action in enumerate(self.actions):
            self._expect_values(action, index)

    def _expect_keys_of_kind(self) -> None:
        for key, kind, default in _KEYS_OF_KIND:
            if self.kind is not kind and getattr(self, key) != default:
                raise FieldError(f"is for action spaces of kind {kind.value} only", key)
        if self.kind is SpaceKind.PICK_PLACE:
            names = tuple(dimension.name for dimension in self.dimensions)
            if names != ("x", "y", "yaw"):
                raise FieldError(
                    "of an action space of kind pick_place are x, y, yaw in this order, got "
                    + ", ".join(names),
                    "dimensions",
                )
            if self.prompt is None:
                raise FieldError("lacks the keys prompt")
        if self.kind is SpaceKind.DISCRETE and not self.actions:
            raise FieldError("lacks the keys actions")
        if self.kind is SpaceKind.CONTINUOUS and self.rate_hz is None:
            raise FieldError("lacks the keys rate_hz")

    def _expect_values(self, action: ActionRecord, index: int) -> None:
        place = ("actions", index, "values")
        if len(action.values) != len(self.dimensions):
            raise FieldError(f"has {len(action.values)} numbers, not one per dimension", *place)
        for value, dimension in zip(action.values, self.dimensions, strict=True):
            low, high = dimension.range
            if not low <= value <= high:
                raise FieldError(
                    f"says {value:g} of {dimension.name!r}, which goes from {low:g} to {high:g}",
                    *place,
                )


_KEYS_OF_KIND = (
    ("actions", SpaceKind.DISCRETE, ()),
    ("rate_hz", SpaceKind.CONTINUOUS, None),
    ("chunk", SpaceKind.CONTINUOUS, 1),
    ("tip_frame_id", SpaceKind.CONTINUOUS, ""),
)


def _motion(dimension: DimensionRecord) -> str | None:
    """What moves along or about which axis; None for a dimension without an axis."""
    if dimension.axis is None:
        return None
    kind = dimension.dimension_kind.value
    turns = "angular " if dimension.unit in ANGULAR_VELOCITIES else ""
    return f"{turns}{kind} {dimension.axis.value}"


def _expect_distinct(items: str, key: str, values: Sequence[str | None]) -> None:
    """FieldError at the second of two equal values; None is no value."""
    for index, value in enumerate(values):
        if value is not None and value in values[:index]:
            raise FieldError(
                f"is {value!r}, which is given to {items}[{values.index(value)}], too",
                items,
                index,
                key,
            )
