"""YAML read with the line of every value, so that a mistake is named where it is. No torch."""

from __future__ import annotations

import math
from collections.abc import Collection
from enum import Enum
from pathlib import Path
from typing import TypeVar

import yaml

_NULL = "tag:yaml.org,2002:null"
_BOOLEANS = {"true": True, "false": False}
_Choice = TypeVar("_Choice", bound=Enum)


class YamlRecord:
    """A mapping in a YAML file. Every complaint is an `error` that names the file and the line."""

    def __init__(self, path: Path, node: yaml.Node | None, error: type[ValueError]) -> None:
        self._path, self._node, self._error = path, node, error
        if not isinstance(node, yaml.MappingNode):
            raise self.complaint("expected a mapping of keys to values", node)
        self._values: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.complaint("a key must be text", key)
            if key.value in self._values:
                raise self.complaint(f"{key.value!r} is given twice", key)
            self._values[key.value] = value

    @classmethod
    def read(cls, path: Path, error: type[ValueError]) -> YamlRecord:
        """The mapping a file consists of."""
        try:
            node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as problem:
            raise error(f"{path}: cannot be read as text: {problem}") from problem
        except yaml.MarkedYAMLError as problem:
            line = problem.problem_mark.line + 1 if problem.problem_mark else 1
            raise error(f"{path}:{line}: not YAML: {problem.problem}") from problem
        except yaml.YAMLError as problem:
            raise error(f"{path}: not YAML: {problem}") from problem
        return cls(path, node, error)

    def complaint(self, message: str, at: yaml.Node | str | None = None) -> ValueError:
        """An error about a value (by key or node), or about the record itself."""
        node = self._values.get(at) if isinstance(at, str) else at
        node = node or self._node
        line = node.start_mark.line + 1 if node is not None else 1
        return self._error(f"{self._path}:{line}: {message}")

    def expect_only(self, keys: Collection[str]) -> None:
        """Complain about a key that nobody reads: most often a misspelling."""
        for key, value in self._values.items():
            if key not in keys:
                known = ", ".join(sorted(keys))
                raise self.complaint(f"unknown key {key!r}; expected one of {known}", value)

    def has(self, key: str) -> bool:
        """Whether a key is given."""
        return key in self._values

    def text(self, key: str, default: str | None = None) -> str:
        """A value that is text and not empty."""
        node = self._get(key, default is None)
        if node is None:
            assert default is not None
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag == _NULL or not node.value.strip():
            raise self.complaint(f"{key!r} must be text that is not empty", node)
        return str(node.value)

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number."""
        node = self._get(key, default is None)
        if node is None:
            assert default is not None
            return default
        return self._number(key, node)

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.number(key, default)
        if value != math.floor(value):
            raise self.complaint(f"{key!r} must be a whole number, got {value:g}", key)
        return int(value)

    def boolean(self, key: str, default: bool) -> bool:
        """true or false."""
        node = self._get(key, required=False)
        if node is None:
            return default
        given = str(node.value).lower() if isinstance(node, yaml.ScalarNode) else ""
        if given not in _BOOLEANS:
            raise self.complaint(f"{key!r} must be true or false, got {node.value!r}", node)
        return _BOOLEANS[given]

    def choice(self, key: str, kinds: type[_Choice]) -> _Choice:
        """One of the values of an enumeration."""
        given = self.text(key)
        for kind in kinds:
            if kind.value == given:
                return kind
        known = ", ".join(str(kind.value) for kind in kinds)
        raise self.complaint(f"unknown {key} {given!r}; expected one of {known}", key)

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """A list of exactly `count` finite numbers."""
        node = self._get(key, required=True)
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        if len(items) != count:
            raise self.complaint(f"{key!r} must be a list of {count} numbers", node)
        return tuple(self._number(key, item) for item in items)

    def records(self, key: str) -> tuple[YamlRecord, ...]:
        """A list of one or more mappings."""
        node = self._get(key, required=True)
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        if not items:
            raise self.complaint(f"{key!r} must be a list of one or more mappings", node)
        return tuple(YamlRecord(self._path, item, self._error) for item in items)

    def _get(self, key: str, required: bool) -> yaml.Node | None:
        if required and key not in self._values:
            raise self.complaint(f"{key!r} is missing")
        return self._values.get(key)

    def _number(self, key: str, node: yaml.Node) -> float:
        try:
            value = float(node.value) if isinstance(node, yaml.ScalarNode) else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.complaint(f"{key!r} must be a finite number, got {node.value!r}", node)
        return value
