"""Settings written down once: dataclasses whose fields say what they mean and may be.

From one such class come the ROS parameters (`nodes/parameters.py`), the sections of
config/agent.yaml, the tables in the docs and the launch arguments (`bringup.py`).

    @dataclass(frozen=True)
    class Pencil:
        width_mm: float = setting(0.5, "millimetres of the line", low=0.1, high=5.0, name="width")
        colour: Colour = setting(Colour.RED, "of the lead")
        case: Case = group(Case, "case")

Imports the standard library only, because the set-up reads it before anything is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from enum import Enum
from typing import Any, TypeVar, cast

Value = bool | int | float | str
Settings = TypeVar("Settings")

HIGHEST = 1e6
"""Upper bound of numbers that have none of their own."""
DEVICE_PATTERN = r"auto|cpu|cuda(:\d+)?"
DEVICE_FORM = "auto, cpu, cuda or cuda:<number>"


class Effect(Enum):
    """When a new value counts."""

    RESTART = "read only: give it when the node starts"
    CONFIGURE = "takes effect when the agent is configured"
    NOW = "takes effect at once"


@dataclass(frozen=True)
class Setting:
    """One setting in the form that people write: seconds, MiB, the value of an enumeration."""

    name: str
    """Dotted, groups first."""
    default: Value
    description: str
    low: float = 0.0
    high: float = HIGHEST
    """Bounds of numbers, inclusive."""
    choices: tuple[str, ...] = ()
    """What a text may be; any text if empty."""
    pattern: str = ""
    """What a text must match as a whole."""
    form: str = ""
    """The pattern in words."""
    effect: Effect | None = None
    """None: that of the node."""

    @property
    def shown(self) -> str:
        """The default as text."""
        return str(self.default).lower() if self.is_flag else str(self.default)

    @property
    def meaning(self) -> str:
        """The description, with the choices."""
        return (
            f"{self.description}: {', '.join(self.choices)}" if self.choices else self.description
        )

    @property
    def is_flag(self) -> bool:
        """Whether it is true or false."""
        return isinstance(self.default, bool)

    @property
    def expected(self) -> str:
        """What it may be, in words."""
        if self.is_flag:
            return "one of: true, false"
        if isinstance(self.default, str):
            return self.form or (f"one of: {', '.join(self.choices)}" if self.choices else "text")
        if isinstance(self.default, int):
            return f"a whole number from {int(self.low)} to {int(self.high)}"
        return f"a number from {self.low:g} to {self.high:g}"

    def checked(self, value: object) -> Value:
        """The value, of the default's type; ValueError that says what is possible."""
        fitting = self._fitting(value)
        if fitting is None:
            raise ValueError(f"{self.name} is {value!r}; expected {self.expected}")
        return fitting

    def parsed(self, text: str) -> Value:
        """The value of what somebody typed; ValueError as from `checked`."""
        text = text.strip()
        if self.is_flag:
            return self.checked({"true": True, "false": False}.get(text.lower(), text))
        if isinstance(self.default, str):
            return self.checked(text)
        try:
            return self.checked(float(text) if "." in text or "e" in text else int(text))
        except ValueError:
            raise ValueError(f"{self.name} is {text!r}; expected {self.expected}") from None

    def _fitting(self, value: object) -> Value | None:
        if self.is_flag:
            return value if isinstance(value, bool) else None
        if isinstance(self.default, str):
            text = "" if value is None else str(value)
            fits = not self.choices or text in self.choices
            return text if fits and re.fullmatch(self.pattern or "(?s).*", text) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if not self.low <= value <= self.high:  # NaN is not, either
            return None
        if isinstance(self.default, float):
            return float(value)
        return int(value) if value == int(value) else None


def setting(
    default: Value | Enum,
    description: str,
    *,
    name: str = "",
    low: float = 0.0,
    high: float = HIGHEST,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    form: str = "",
    unit: int = 1,
    effect: Effect | None = None,
) -> Any:
    """A field that is a setting, with a `name` where that is not the field's own.

    `unit`: how much of the field is 1 of the setting, as 2**20 for a field in bytes that people
    give in MiB. An `Enum` is given by its value.
    """
    if isinstance(default, Enum):
        choices = tuple(str(choice.value) for choice in type(default))
    shown = default.value if isinstance(default, Enum) else _divided(default, unit)
    known = Setting(name, shown, description, low, high, choices, pattern, form, effect)
    return field(default=default, metadata={"setting": known, "unit": unit})


def group(settings: type[Settings], name: str = "") -> Any:
    """A field with settings of its own; their names begin with `name` and a dot, if given."""
    return field(default_factory=settings, metadata={"group": settings, "name": name})


def settings_of(settings: type[Any]) -> dict[str, Setting]:
    """All settings by name, in the order of the fields; fields made otherwise are none."""
    return {known.name: known for known in _all(settings, "")}


def from_values(settings: type[Settings], values: Mapping[str, object]) -> Settings:
    """The dataclass with these settings by name; those not given have their defaults.

    ValueError names the one that is not possible; names that are none of its settings are ignored.
    """
    return _build(settings, values, "")


def check(instance: Any) -> None:
    """For `__post_init__`: ValueError for a field outside the bounds of its setting."""
    for item in fields(instance):
        if "setting" in item.metadata:
            stored = getattr(instance, item.name)
            value = stored.value if isinstance(stored, Enum) else stored
            replace(item.metadata["setting"], name=item.name).checked(
                _divided(value, item.metadata["unit"])
            )


def _all(settings: type[Any], prefix: str) -> Iterator[Setting]:
    for item in fields(settings):
        if "group" in item.metadata:
            yield from _all(item.metadata["group"], _dotted(prefix, item.metadata["name"]))
        elif "setting" in item.metadata:
            yield _named(item, prefix)


def _build(settings: type[Settings], values: Mapping[str, object], prefix: str) -> Settings:
    given: dict[str, Any] = {}
    for item in fields(cast("Any", settings)):
        if "group" in item.metadata:
            inner = _dotted(prefix, item.metadata["name"])
            given[item.name] = _build(item.metadata["group"], values, inner)
        elif "setting" in item.metadata:
            known = _named(item, prefix)
            if known.name in values:
                given[item.name] = _stored(item, known.checked(values[known.name]))
    return settings(**given)


def _named(item: Field[Any], prefix: str) -> Setting:
    known: Setting = item.metadata["setting"]
    return replace(known, name=_dotted(prefix, known.name or item.name))


def _stored(item: Field[Any], value: Any) -> Any:
    if isinstance(item.default, Enum):
        return type(item.default)(value)
    unit = item.metadata["unit"]
    return value if unit == 1 else value * unit


def _divided(value: Any, unit: int) -> Any:
    return value if unit == 1 else value // unit


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name
