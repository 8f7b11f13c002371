"""The arguments of a task: what programs and people give it, and where it goes. Imports no task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from uio2_ros.robot.box import Box

Field = Literal["instruction", "options", "region", "action_space"]
"""The fields of `Instruction` that a caller fills."""


class Use(Enum):
    """Whether a task makes use of an input."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class Argument:
    """One argument of a task's methods. `meaning` goes on after "the instruction is"."""

    name: str
    meaning: str
    fills: Field = "instruction"
    required: bool = True

    @property
    def annotation(self) -> str:
        """The Python type of its values."""
        named = _FIELDS[self.fills].annotation
        return f"{named} | None" if self.fills == "region" and not self.required else named

    @property
    def default(self) -> Any:
        """What the field holds where the argument is left out."""
        return _FIELDS[self.fills].default

    def value(self, given: Any) -> Any:
        """What the field holds for what a caller gave. TypeError for what it cannot hold."""
        return _FIELDS[self.fills].read(self.name, given)


@dataclass(frozen=True)
class _FieldType:
    annotation: str
    default: Any
    read: Callable[[str, Any], Any]


def _text(name: str, given: Any) -> Any:
    return _expect(name, given, str)


def _texts(name: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, str):
        raise TypeError(f"{name} is the one text {given!r}; expected several, such as [{given!r}]")
    return tuple(_expect(f"each of {name}", text, str) for text in given)


def _region(name: str, given: Any) -> Any:
    return None if given is None else _expect(name, given, Box)


def _expect(name: str, given: Any, kind: type[Any]) -> Any:
    if not isinstance(given, kind):
        raise TypeError(f"{name} is a {type(given).__name__}; expected a {kind.__name__}")
    return given


_FIELDS: dict[Field, _FieldType] = {
    "instruction": _FieldType("str", "", _text),
    "options": _FieldType("Sequence[str]", (), _texts),
    "region": _FieldType("Box", None, _region),
    "action_space": _FieldType("str", "", _text),
}
