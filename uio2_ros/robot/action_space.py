"""Action spaces: what a robot's actions mean, declared in `config/action_spaces/*.yaml`. No torch.

A file names the space's kind, its dimensions with range, unit and kind, the frame its poses are
in, for discrete spaces the actions, and for continuous ones the rate. Values leave this module in
SI units. docs/representations.md has an annotated file.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from uio2_ros.robot.action_dimension import (
    SI_FACTORS,
    Axis,
    Dimension,
    DimensionKind,
    read_dimension,
)
from uio2_ros.robot.yaml_record import YamlRecord

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


_KEYS_OF_KIND: Mapping[SpaceKind, tuple[str, ...]] = {
    SpaceKind.PICK_PLACE: (),
    SpaceKind.DISCRETE: ("actions",),
    SpaceKind.CONTINUOUS: ("rate_hz", "chunk", "tip_frame_id"),
}


def read_action_space(path: Path) -> ActionSpace:
    """One file. Raises ActionSpaceError with file and line."""
    record = YamlRecord.read(path, ActionSpaceError)
    kind = record.choice("kind", SpaceKind)
    record.expect_only({"name", "kind", "prompt", "frame_id", "dimensions", *_KEYS_OF_KIND[kind]})
    dimensions = _dimensions(record)
    actions = _actions(record, dimensions) if kind is SpaceKind.DISCRETE else ()
    continuous = kind is SpaceKind.CONTINUOUS
    space = ActionSpace(
        name=record.text("name"),
        kind=kind,
        prompt=record.text("prompt", _default_prompt(kind, dimensions, actions)),
        frame_id=record.text("frame_id"),
        dimensions=dimensions,
        actions=actions,
        rate_hz=_rate(record) if continuous else None,
        chunk=_chunk(record) if continuous else 1,
        tip_frame_id=record.text("tip_frame_id", "") if continuous else "",
    )
    _expect_fit(record, space)
    return space


def _dimensions(record: YamlRecord) -> tuple[Dimension, ...]:
    items = record.records("dimensions")
    dimensions = tuple(read_dimension(item) for item in items)
    _expect_distinct("name", items, [dimension.name for dimension in dimensions])
    _expect_distinct("joint", items, [dimension.joint or None for dimension in dimensions])
    _expect_distinct("axis", items, [_motion(dimension) for dimension in dimensions])
    return dimensions


def _motion(dimension: Dimension) -> Hashable:
    """What moves along or about which axis; None for a dimension without an axis."""
    if dimension.axis is None:
        return None
    kind = "angular velocity" if dimension.is_angular_velocity else dimension.kind.value
    return f"{kind} {dimension.axis.value}"


def _actions(record: YamlRecord, dimensions: tuple[Dimension, ...]) -> tuple[NamedAction, ...]:
    items = record.records("actions")
    actions = tuple(_action(item, dimensions) for item in items)
    _expect_distinct("name", items, [action.name for action in actions])
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


def _chunk(record: YamlRecord) -> int:
    chunk = record.integer("chunk", 1)
    if chunk < 1:
        raise record.complaint(f"'chunk' must be 1 or more steps, got {chunk}", "chunk")
    return chunk


def _default_prompt(
    kind: SpaceKind, dimensions: tuple[Dimension, ...], actions: tuple[NamedAction, ...]
) -> str | None:
    if kind is SpaceKind.DISCRETE:
        return ", ".join(action.name for action in actions)
    if kind is SpaceKind.CONTINUOUS:
        return ", ".join(dimension.name for dimension in dimensions)
    return None


def _expect_distinct(
    key: str, items: Sequence[YamlRecord], values: Sequence[Hashable | None]
) -> None:
    """Complain, where it is, about the second of two equal values; None is no value."""
    seen: set[Hashable] = set()
    for item, value in zip(items, values, strict=True):
        if value is not None and value in seen:
            raise item.complaint(f"the {key} {value!r} is given to two of the list", key)
        seen.add(value)


def _expect_fit(record: YamlRecord, space: ActionSpace) -> None:
    if space.kind is SpaceKind.PICK_PLACE and space.dimension_names != ("x", "y", "yaw"):
        raise record.complaint(
            "an action space of kind pick_place has the dimensions x, y, yaw in this order, got "
            + ", ".join(space.dimension_names),
            "dimensions",
        )
