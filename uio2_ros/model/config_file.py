"""Configurations as files: shipped ones by their names, `config.json`, a directory with one. No
torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from uio2_ros.robot.errors import CheckpointError
from uio2_ros.robot.records import plain

CONFIG_FILE = "config.json"
C = TypeVar("C")


def shipped_names(folder: Path) -> tuple[str, ...]:
    """The names of the configurations in a folder of this package."""
    return tuple(sorted(path.stem for path in folder.glob("*.json")))


def read_config(source: str | Path, shipped: Path, aliases: Mapping[str, str]) -> tuple[Any, str]:
    """The content of a configuration, and what messages call it.

    source: a shipped name or its alias, a `config.json`, or a directory that holds one.
    ValueError for what is not JSON, FileNotFoundError, listing the names, for what there is not.
    """
    path = _path(source, shipped, aliases)
    try:
        return json.loads(path.read_text(encoding="utf-8")), path.name
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def write_config(config: Any, path: str | Path) -> None:
    """Write a configuration, a dataclass, as `config.json`."""
    text = json.dumps(plain(config), indent=1) + "\n"
    Path(path).expanduser().write_text(text, encoding="utf-8")


def released_config(path: Path, shape: tuple[int, ...], sizes: Mapping[tuple[int, int], C]) -> C:
    """Of `sizes`, by the shapes of their embeddings, the one that a checkpoint without one has.

    Raises CheckpointError for a shape that none has.
    """
    found = [config for size, config in sizes.items() if size == shape]
    if not found:
        raise CheckpointError(
            f"{path} has embeddings of {shape or 'no shape'}, which is no released size: put its "
            f"{CONFIG_FILE} beside it"
        )
    return found[0]


def _path(source: str | Path, shipped: Path, aliases: Mapping[str, str]) -> Path:
    name = aliases.get(str(source), str(source))
    if isinstance(source, str) and name in shipped_names(shipped):
        return shipped / f"{name}.json"
    path = Path(source).expanduser()
    path = path / CONFIG_FILE if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(
            f"no configuration {str(source)!r}: expected one of "
            f"{', '.join(shipped_names(shipped))}, a {CONFIG_FILE} or a directory that holds one"
        )
    return path
