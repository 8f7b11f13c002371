"""Files and JSON objects as dataclasses and back, by cattrs: nothing passes that is not meant.

Types are taken at their word: "3" is no int, 1 is no bool, an unknown key is an error. Errors name
the place, what came and what was expected, and in YAML files the line:

    config.t5_config.emb_dim is '128', expected int
    space.yaml:7: dimensions[1].range is '-1', expected list
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, Union

import yaml
from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

T = TypeVar("T")
UNLESS_DEFAULT = {"written": False}
"""Metadata of a field that is written only where it differs from its default."""

_NULLS = ("", "~", "null")
_BOOLEANS = {"true": True, "false": False}


class FieldError(ValueError):
    """A value that makes no sense where it stands; also raised in a record's `__post_init__`.

    message goes on from the name of the value, as in "is 0, expected 1 or more". place: keys and
    numbers from the record to the value, such as ("range",) or ("actions", 1, "name").
    """

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.message, self.place = message, place

    def within(self, *place: str | int) -> FieldError:
        """The same, told from further above."""
        return FieldError(self.message, *place, *self.place)

    def told(self, name: str) -> str:
        """The sentence about a record of some name; "" for that of a file."""
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.place)
        return f"{(name + path).removeprefix('.') or 'the file'} {self.message}"


def structured(data: Any, kind: type[T], where: str, error: type[ValueError] = ValueError) -> T:
    """A JSON value as a `kind`; `where` names it in the message of an `error`."""
    try:
        return _TYPED.structure(data, kind)
    except Exception as problem:
        raise error(_first(problem).told(where)) from problem


def plain(record: Any, *, defaults: bool = True) -> Any:
    """The JSON values that `structured` reads; without those of fields that have their default."""
    return (_TYPED if defaults else _SPARSE).unstructure(record)


def read_yaml(
    path: Path,
    kind: type[T],
    error: type[ValueError],
    overrides: Mapping[str, Any] = MappingProxyType({}),
) -> T:
    """What a YAML file holds, with some top keys replaced, as a `kind`.

    An `error` names the file and the line.

    Scalars are read as what is expected, quoted or not: 1e-3 is a number, and `"1"` is one, too.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError) as problem:
        raise error(f"{path}: cannot be read as text: {problem}") from problem
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise error(f"{path}:{line}: not YAML: {problem.problem}") from problem
    except yaml.YAMLError as problem:
        raise error(f"{path}: not YAML: {problem}") from problem
    try:
        found = _content(node)
        merged = {**found, **overrides} if isinstance(found, dict) else found
        return _TEXTS.structure(merged, kind)
    except Exception as problem:
        first = _first(problem)
        raise error(f"{path}:{_line(node, first.place)}: {first.told('')}") from problem


def _first(problem: BaseException) -> FieldError:
    """What to say of what cattrs found wrong."""
    if isinstance(problem, FieldError):
        return problem
    if isinstance(problem, ForbiddenExtraKeysError):
        known = ", ".join(one.name for one in fields(problem.cl))
        return FieldError(f"is unknown, expected one of {known}", min(problem.extra_fields))
    if isinstance(problem, ClassValidationError):
        named, own = problem.group_exceptions()
        missing = [note.name for each, note in named if isinstance(each, KeyError)]
        if own:  # unknown keys are the likelier cause of missing ones
            return _first(own[0])
        if missing:
            return FieldError(f"lacks the keys {', '.join(missing)}")
        each, note = named[0]
        return _first(each).within(note.name)
    return FieldError(f"cannot be: {problem}")


def _content(node: yaml.Node | None) -> Any:
    """Mappings, lists and texts; FieldError for a key that is none, or is given twice."""
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise FieldError(f"has a key in line {key.start_mark.line + 1} that is no text")
            if key.value in found:
                raise FieldError("is given twice", key.value)
            found[key.value] = _below(key.value, _content, value)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_below(index, _content, item) for index, item in enumerate(node.value)]
    return None if node is None else node.value


def _line(node: yaml.Node | None, place: Iterable[str | int]) -> int:
    """Where a value begins, or the nearest record that there is."""
    for step in place:
        below = None
        if isinstance(node, yaml.MappingNode):
            below = next((value for key, value in node.value[::-1] if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            below = node.value[step]
        if below is None:
            break
        node = below
    return 1 if node is None else int(node.start_mark.line) + 1


def _below(step: str | int, read: Callable[..., Any], *arguments: Any) -> Any:
    """What `read` makes of a part, whose errors then tell which part it was."""
    try:
        return read(*arguments)
    except Exception as problem:
        raise _first(problem).within(step) from problem


def _unfit(value: Any, expected: str) -> FieldError:
    return FieldError(f"is {value!r}, expected {expected}")


class _Types:
    """How a converter reads each type. texts: scalars come as text, whatever they are."""

    def __init__(self, converter: Converter, *, texts: bool) -> None:
        self._converter, self._texts = converter, texts
        for kind, hook in {
            float: self._float,
            int: self._int,
            bool: self._bool,
            str: self._text,
            Path: lambda value, kind: Path(self._text(value, kind)),
        }.items():
            converter.register_structure_hook(kind, hook)
        for origins, hook in (
            ((Literal,), self._literal),
            ((Union, types.UnionType), self._union),
            ((tuple,), self._tuple),
            ((Mapping,), self._mapping),
        ):
            converter.register_structure_hook_func(_has_origin(*origins), hook)
        converter.register_structure_hook_func(
            lambda kind: isinstance(kind, type) and issubclass(kind, Enum), self._enum
        )
        converter.register_structure_hook_factory(is_dataclass, self._record)
        converter.register_unstructure_hook_factory(is_dataclass, self._written)
        for kind in (bool, int):  # numpy's numbers as Python's
            converter.register_unstructure_hook(kind, kind)
        converter.register_unstructure_hook(
            float, lambda value: value if isinstance(value, int) else float(value)
        )
        converter.register_unstructure_hook(Path, str)

    def _float(self, value: Any, _: Any) -> float:
        found = self._number(value)
        if found is None or not math.isfinite(found):
            raise _unfit(value, "float" if found is None else "finite float")
        return found

    def _int(self, value: Any, _: Any) -> int:
        found = self._number(value)
        if found is None or not (isinstance(found, int) or (self._texts and found.is_integer())):
            raise _unfit(value, "int")
        return int(found)

    def _number(self, value: Any) -> float | None:
        """None for what is no number."""
        if self._texts and isinstance(value, str):
            try:
                return float(value.replace(".inf", "inf").replace(".nan", "nan"))
            except ValueError:
                return None
        is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
        return value if is_one else None

    def _bool(self, value: Any, _: Any) -> bool:
        found = _BOOLEANS.get(value.lower()) if self._texts and isinstance(value, str) else value
        if not isinstance(found, bool):
            raise _unfit(value, "true or false" if self._texts else "bool")
        return found

    def _text(self, value: Any, _: Any) -> str:
        if not isinstance(value, str) or (self._texts and value.strip() in _NULLS):
            raise _unfit(value, "text that is not empty" if self._texts else "str")
        return value

    def _enum(self, value: Any, kind: type[Enum]) -> Enum:
        for one in kind:
            if value in (one.value, one.name) or (self._texts and value == str(one.value)):
                return one
        raise _unfit(value, f"one of {', '.join(str(one.value) for one in kind)}")

    def _literal(self, value: Any, kind: Any) -> Any:
        for one in typing.get_args(kind):
            if (type(value), value) == (type(one), one) or (self._texts and value == str(one)):
                return one
        raise _unfit(value, f"one of {', '.join(map(str, typing.get_args(kind)))}")

    def _union(self, value: Any, kind: Any) -> Any:
        kinds = typing.get_args(kind)
        if type(None) in kinds and (value is None or (self._texts and value in _NULLS)):
            return None
        problems = []
        for one in kinds:
            if one is not type(None):
                try:
                    return self._converter.structure(value, one)
                except Exception as problem:
                    problems.append(problem)
        raise problems[0] if len(problems) == 1 else _unfit(value, str(kind))

    def _tuple(self, value: Any, kind: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise _unfit(value, "list")
        kinds = typing.get_args(kind)
        if kinds[-1] is ...:
            kinds = (kinds[0],) * len(value)
        if len(kinds) != len(value):
            raise _unfit(value, f"list of {len(kinds)}")
        return tuple(
            _below(index, self._converter.structure, item, one)
            for index, (item, one) in enumerate(zip(value, kinds, strict=True))
        )

    def _mapping(self, value: Any, kind: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _unfit(value, "object")
        item = typing.get_args(kind)[1]
        return {
            key: _below(key, self._converter.structure, one, item) for key, one in value.items()
        }

    def _record(self, kind: Any) -> Callable[[Any, Any], Any]:
        read = make_dict_structure_fn(kind, self._converter)

        def structure(value: Any, _: Any) -> Any:
            if not isinstance(value, Mapping):
                raise FieldError(f"must be an object, not {type(value).__name__}")
            return read(value, kind)

        return structure

    def _written(self, kind: Any) -> Callable[[Any], Any]:
        short: Any = {
            one.name: override(omit_if_default=True)
            for one in fields(kind)
            if not one.metadata.get("written", True)
        }
        return make_dict_unstructure_fn(
            kind, self._converter, _cattrs_omit_if_default=self._converter.omit_if_default, **short
        )


def _has_origin(*origins: Any) -> Callable[[Any], bool]:
    return lambda kind: typing.get_origin(kind) in origins


def _converter(*, texts: bool = False, defaults: bool = True) -> Converter:
    converter = Converter(
        forbid_extra_keys=True,
        omit_if_default=not defaults,
        unstruct_collection_overrides={tuple: list, Mapping: dict},
    )
    _Types(converter, texts=texts)
    return converter


_TYPED, _TEXTS, _SPARSE = _converter(), _converter(texts=True), _converter(defaults=False)
