"""Builds the ROS interfaces of this package, and the stand-ins it needs, with colcon."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from uio2_ros.cli.bootstrap.environment import build_environment
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.progress import StepDisplay
from uio2_ros.cli.bootstrap.ros import Ros, missing_packages
from uio2_ros.cli.bootstrap.stamp import (
    digest_of_files,
    digest_of_names,
    read_stamp,
    write_stamp,
)

BUILD_INPUTS = ("package.xml", "CMakeLists.txt", "msg", "srv", "action", "compat")
# Installed as links, so their contents may change without a build. The Python sources need none
# at all: the run environment has the checkout before the installed package.
DEFINITIONS = (".msg", ".srv", ".action")
LINKED = ("scripts", "launch", "config", "behavior_trees")


def interface_inputs(layout: Layout, ros: Ros) -> dict[str, str]:
    """What the build depends on."""
    environment = read_stamp(layout.environment_stamp)
    sources = _files(layout.root, BUILD_INPUTS)
    definitions = (file.relative_to(layout.root) for file in sources if file.suffix in DEFINITIONS)
    return {
        "environment": f"{environment.get('root')} {environment.get('ros')}",
        "options": " ".join(_build_options(ros)),
        "definitions": " ".join(sorted(map(str, definitions))),
        "sources": digest_of_files(layout.root, sources),
        "linked": digest_of_names(layout.root, _files(layout.root, LINKED)),
    }


def ensure_interfaces(layout: Layout, ros: Ros, progress: StepDisplay) -> None:
    """Build what changed since the last build.

    From scratch in another environment or with other options, and where a definition is gone, whose
    code would stay.
    """
    recorded, wanted = read_stamp(layout.interfaces_stamp), interface_inputs(layout, ros)
    if recorded == wanted and layout.install.is_dir():
        return
    gone = set(recorded.get("definitions", "all").split()) - set(wanted["definitions"].split())
    other = any(recorded.get(name) != wanted[name] for name in ("environment", "options"))
    if recorded and (other or gone):
        shutil.rmtree(layout.build, ignore_errors=True)
        shutil.rmtree(layout.install, ignore_errors=True)
    env = build_environment(os.environ, layout, ros)
    progress.run("Building the message types", _colcon(layout, ros, env), env, layout.root)
    write_stamp(layout.interfaces_stamp, wanted)


def stand_ins(layout: Layout, env: dict[str, str]) -> list[Path]:
    """The packages of compat/ whose originals are not installed."""
    prefixes = [Path(entry) for entry in env.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    offered = tuple(file.parent.name for file in (layout.root / "compat").glob("*/package.xml"))
    return [layout.root / "compat" / name for name in sorted(missing_packages(offered, prefixes))]


def _colcon(layout: Layout, ros: Ros, env: dict[str, str]) -> list[str | Path]:
    command: list[str | Path] = ["colcon", "--log-base", layout.colcon / "log", "build"]
    command += ["--base-paths", layout.root, *stand_ins(layout, env)]
    command += ["--build-base", layout.build, "--install-base", layout.install]
    command += ["--merge-install", "--symlink-install"]
    command += ["--event-handlers", "console_direct-", "console_cohesion+"]
    command += ["--cmake-args", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={layout.python}"]
    return [*command, *_build_options(ros)]


def _build_options(ros: Ros) -> tuple[str, ...]:
    """With the wheels: what is soonest built. A sourced ROS is built for as any workspace is."""
    if ros.is_sourced:
        return ("-DCMAKE_BUILD_TYPE=Release",)
    return (
        "-GNinja",
        "-DCMAKE_C_FLAGS=-O1",
        "-DCMAKE_CXX_FLAGS=-O1",
        "-DPYTHON_OVER_FASTDDS_ONLY=ON",
    )


def _files(root: Path, names: tuple[str, ...]) -> list[Path]:
    found = []
    for name in names:
        path = root / name
        inside = path.rglob("*") if path.is_dir() else [path]
        found += [file for file in inside if file.is_file() and "__pycache__" not in file.parts]
    return found
