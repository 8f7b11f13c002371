"""The environment variables under which every command runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from uio2_ros import bringup
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.ros import Ros

PATH_VARIABLES = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
)
# The wheels restart Python once to set the library path and mark that in the environment. A child
# with another Python must not inherit the mark.
WHEELS_GUARD = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"
SYSTEM = (Path("/"), Path("/usr"), Path("/usr/local"))  # prefixes that hold more than a ROS


def outer_environment(environ: Mapping[str, str], layout: Layout, ros: Ros) -> dict[str, str]:
    """The caller's environment without our own entries and, for wheels, without another ROS."""
    sourced = [Path(entry) for entry in _entries(environ.get("AMENT_PREFIX_PATH", ""))]
    foreign = [] if ros.is_sourced else [folder for folder in sourced if folder not in SYSTEM]
    unwanted = [layout.venv, layout.install, *foreign]
    result = dict(environ)
    result.pop(WHEELS_GUARD, None)
    result.pop("PYTHONHOME", None)
    result.pop(bringup.LAUNCHER_VARIABLE, None)
    for variable in PATH_VARIABLES:
        entries = _entries(result.pop(variable, ""))
        kept = [entry for entry in entries if not _lies_in(Path(entry), unwanted)]
        if variable == "PYTHONPATH":
            kept = [entry for entry in kept if Path(entry) != layout.root]
        if kept:
            result[variable] = os.pathsep.join(kept)
    return result


def build_environment(environ: Mapping[str, str], layout: Layout, ros: Ros) -> dict[str, str]:
    """The environment in which the interfaces are built."""
    result = outer_environment(environ, layout, ros)
    _prepend(result, "PATH", [layout.venv / "bin"])
    if not ros.is_sourced:
        result["ROS_DISTRO"] = ros.distro  # another one may be sourced
        _prepend(result, "AMENT_PREFIX_PATH", [layout.venv])
        _prepend(result, "CMAKE_PREFIX_PATH", [layout.venv])
    return result


def run_environment(environ: Mapping[str, str], layout: Layout, ros: Ros) -> dict[str, str]:
    """The environment in which commands and nodes run: this checkout first, then its build."""
    result = build_environment(environ, layout, ros)
    result["VIRTUAL_ENV"] = str(layout.venv)
    _prepend(result, "AMENT_PREFIX_PATH", [layout.install])
    _prepend(result, "CMAKE_PREFIX_PATH", [layout.install])
    _prepend(result, "LD_LIBRARY_PATH", [layout.install / "lib"])
    _prepend(result, "PYTHONPATH", [layout.root, *layout.installed_python_folders()])
    launching = bringup.environment(result)
    del launching[bringup.LAUNCHER_VARIABLE]  # who prepares is not who launches
    return {**result, **launching}


def shell_exports(environ: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Shell lines that turn one environment into another."""
    lines = [
        f"export {name}={shlex.quote(value)}"
        for name, value in sorted(wanted.items())
        if environ.get(name) != value
    ]
    lines += [f"unset {name}" for name in sorted(environ) if name not in wanted]
    return "\n".join(lines)


def _entries(value: str) -> list[str]:
    return [entry for entry in value.split(os.pathsep) if entry]


def _lies_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)


def _prepend(environ: dict[str, str], variable: str, folders: Iterable[Path]) -> None:
    entries = [*map(str, folders), *_entries(environ.get(variable, ""))]
    environ[variable] = os.pathsep.join(entries)
