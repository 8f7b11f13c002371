"""JSON objects as frozen dataclasses and back: nothing unknown passes, nothing is lost.

Imports nothing of the package.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

T = TypeVar("T")
UNLESS_DEFAULT = {"written": False}
"""Metadata of a field that is written only where it differs from its default."""


def read_record(cls: type[T], data: Any, where: str) -> T:
    """Build dataclass `cls` from a JSON object; `where` names the object in errors.

    Raises ValueError for unknown or missing keys and values of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where} must be an object, not {type(data).__name__}")
    fields = {f.name: f for f in dataclasses.fields(typing.cast(Any, cls))}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ValueError(f"{where} has unknown keys {', '.join(map(str, unknown))}")
    optional = {name for name, f in fields.items() if not _required(f)}
    missing = sorted(set(fields) - set(data) - optional)
    if missing:
        raise ValueError(f"{where} lacks the keys {', '.join(missing)}")
    kinds = typing.get_type_hints(cls)
    return cls(**{key: _value(kinds[key], data[key], f"{where}.{key}") for key in data})


def _value(kind: Any, value: Any, where: str) -> Any:
    """`value` as type `kind`; JSON has no tuples and writes whole floats as integers."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return read_record(typing.cast(type[Any], kind), value, where)
    if origin is tuple and isinstance(value, (list, tuple)):
        return _tuple(arguments, value, where)
    if origin is Mapping and isinstance(value, Mapping):
        return {key: _value(arguments[1], one, f"{where}.{key}") for key, one in value.items()}
    if origin is Literal:
        matches = value in arguments
    elif origin in (types.UnionType, typing.Union):
        matches = any(_is_a(argument, value) for argument in arguments)
    else:
        matches = _is_a(kind, value)
    if not matches:
        expected = kind.__name__ if isinstance(kind, type) else str(kind)
        raise ValueError(f"{where} is {value!r}, expected {expected}")
    return value


def _tuple(arguments: tuple[Any, ...], value: Sequence[Any], where: str) -> tuple[Any, ...]:
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(arguments) != len(value):
        raise ValueError(f"{where} is {value!r}, expected {len(arguments)} values")
    return tuple(_value(kind, v, where) for kind, v in zip(arguments, value, strict=True))


def _is_a(kind: Any, value: Any) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _required(one: dataclasses.Field[Any]) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def write_record(value: Any) -> Any:
    """The JSON values of a dataclass, key for key."""
    if dataclasses.is_dataclass(value):
        return {
            f.name: write_record(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if f.metadata.get("written", True) or getattr(value, f.name) != f.default
        }
    if isinstance(value, tuple):
        return [write_record(v) for v in value]
    return dict(value) if isinstance(value, Mapping) else value
