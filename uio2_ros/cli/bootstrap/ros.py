"""Which ROS 2 this checkout uses: the sourced one, or wheels inside a virtual environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.cli.bootstrap.failure import SetupError

SUPPORTED_DISTROS = ("jazzy", "kilted", "lyrical")
WHEELS = {"wheels": "kilted", "kilted": "kilted", "jazzy": "jazzy"}
"""Values of UIO2_ROS, and the distribution whose wheels they ask for."""
DEFAULT_WHEELS = "kilted"


@dataclass(frozen=True)
class Ros:
    """Where ROS 2 comes from; `prefix` is None for wheels."""

    distro: str = DEFAULT_WHEELS
    prefix: Path | None = None
    python_version: str = ""  # "3.12": the Python its rclpy was compiled for

    @property
    def is_sourced(self) -> bool:
        return self.prefix is not None

    @property
    def identity(self) -> str:
        """What tells one environment from another."""
        if self.is_sourced:
            return f"{self.distro} {self.prefix}"
        return f"{self.variant} wheels".lstrip()

    @property
    def variant(self) -> str:
        """That of the `Layout`: wheels other than the usual ones do not replace these."""
        return "" if self.is_sourced or self.distro == DEFAULT_WHEELS else self.distro

    @property
    def requirements(self) -> str:
        """The file that names the wheels."""
        return f"requirements-ros-{self.distro}.txt"


def find_ros(environ: Mapping[str, str]) -> Ros:
    """The sourced ROS 2 if there is one, else wheels; UIO2_ROS asks for wheels by name.

    Raises SetupError for a sourced distribution that is not supported, and for unknown wheels.
    """
    asked = environ.get("UIO2_ROS", "")
    if asked:
        if asked not in WHEELS:
            raise SetupError(f"UIO2_ROS is '{asked}', expected {' or '.join(WHEELS)}")
        return Ros(WHEELS[asked])
    prefix = _rclpy_prefix(environ)
    if prefix is None:
        return Ros()
    distro = environ.get("ROS_DISTRO", "")
    if distro not in SUPPORTED_DISTROS:
        raise SetupError(
            f"the sourced ROS 2 is '{distro or 'unnamed'}' ({prefix}), expected "
            f"{' or '.join(SUPPORTED_DISTROS)}: source one of these, or set UIO2_ROS=wheels to "
            "use the ROS 2 that ./uio2 installs into .venv"
        )
    return Ros(distro, prefix, _rclpy_python(prefix))


def _rclpy_prefix(environ: Mapping[str, str]) -> Path | None:
    for entry in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        prefix = Path(entry)
        has_wheels = (prefix / "pyvenv.cfg").is_file()
        if entry and not has_wheels and (prefix / "share" / "rclpy").is_dir():
            return prefix
    return None


def _rclpy_python(prefix: Path) -> str:
    for folder in prefix.glob("lib/python3*/*-packages/rclpy"):
        found = re.search(r"python(3\.\d+)", str(folder))
        if found:
            return found.group(1)
    raise SetupError(
        f"the sourced ROS 2 in {prefix} has no Python package rclpy under lib/python3*: reinstall "
        "it, or set UIO2_ROS=wheels to use the ROS 2 that ./uio2 installs into .venv"
    )


def missing_packages(names: tuple[str, ...], prefixes: list[Path]) -> list[str]:
    """Of these ROS packages, those that no prefix has."""
    index = Path("share", "ament_index", "resource_index", "packages")
    return [name for name in names if not any((p / index / name).exists() for p in prefixes)]


def relocate_wheels(venv: Path, python_include: Path, numpy_include: Path) -> int:
    """Point the wheels' CMake files at this machine's folders; returns how many files changed.

    The wheels were built elsewhere and name that machine's Python and numpy include folders.
    """
    replacements = (
        (re.compile(r'/opt/python/[^;"\s]*/numpy/_core/include'), str(numpy_include)),
        (re.compile(r'/opt/python/[^;"\s]*/include/python3\.\d+'), str(python_include)),
    )
    changed = 0
    for file in (venv / "share").glob("*/cmake/*.cmake"):
        before = after = file.read_text(encoding="utf-8")
        for pattern, folder in replacements:
            after = pattern.sub(folder.replace("\\", r"\\"), after)
        if after != before:
            own = file.with_suffix(".tmp")
            own.write_text(after, encoding="utf-8")
            own.replace(file)  # not into the file, which uv's cache may share
            changed += 1
    return changed
