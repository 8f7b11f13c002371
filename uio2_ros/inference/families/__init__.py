"""Families of models by name; each is imported when a model of it is asked for.

Each file with a `FAMILY` is one. Those of other packages are added by `register`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.families.unified_io_1.config import NAME_PREFIX, NAMES
from uio2_ros.model.families.unified_io_2.config import shipped_configs
from uio2_ros.robot.errors import CheckpointError

if TYPE_CHECKING:
    from uio2_ros.inference.family import Family

DEFAULT_FAMILY = "unified_io_2"
_MODULES = {
    DEFAULT_FAMILY: "uio2_ros.inference.families.unified_io_2",
    "unified_io_1": "uio2_ros.inference.families.unified_io_1",
}


def register(name: str, module: str) -> None:
    """Add a family: the module has a `FAMILY`. ValueError for a name that is taken by another."""
    if _MODULES.setdefault(name, module) != module:
        raise ValueError(f"the family {name!r} is that of {_MODULES[name]} already")


def family(name: str) -> Family:
    """The family with this name; ValueError, listing those there are, for another."""
    if name not in _MODULES:
        raise ValueError(f"no family of models is called {name!r}: there is {', '.join(_MODULES)}")
    found: Family = import_module(_MODULES[name]).FAMILY
    return found


def family_named_by(config: object) -> Family:
    """The family of a configuration's name, such as uio1-small; the default one of any other."""
    is_first = isinstance(config, str) and config.startswith(NAME_PREFIX)
    return family("unified_io_1" if is_first else DEFAULT_FAMILY)


def sizes() -> tuple[str, ...]:
    """The configurations that synthetic weights are made for by name."""
    return (*shipped_configs(), *NAMES)


def family_of(files: CheckpointFiles) -> Family:
    """The family a checkpoint is of, told by its bundle, by `model_type` or by its configuration.

    Raises CheckpointError for one that is of none.
    """
    if files.family is not None:
        return family(files.family)
    if files.config is None:  # JAX wrote it, which nobody but the default family is read from
        return family(DEFAULT_FAMILY)
    config = _read(files.config)
    told = config.get("model_type") if files.bundle is None else files.bundle.family
    if told in _MODULES:
        return family(told)
    if told is None:
        for name in _MODULES:
            if family(name).recognises(config):
                return family(name)
    what = "its keys are those of none" if told is None else f"it is {told!r}"
    raise CheckpointError(
        f"{files.config} is not of a family that is known ({', '.join(_MODULES)}): {what}"
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is no usable configuration: {error}") from error
    if not isinstance(config, Mapping):
        raise CheckpointError(f"{path} is no usable configuration: it is no object")
    return config
