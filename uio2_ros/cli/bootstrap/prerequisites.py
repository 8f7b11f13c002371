"""What the machine must have before the set-up can work, and the command that installs it."""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.progress import StepDisplay
from uio2_ros.cli.bootstrap.ros import Ros

OLDEST_GLIBC = (2, 28)
PYTHON_VERSIONS = ("3.12", "3.11", "3.10", "3.13", "3.14")  # in the order they are tried
WHEEL_MACHINES = ("x86_64",)
SOURCED_MACHINES = ("x86_64", "aarch64")  # a ROS of its own serves a Jetson or a Raspberry Pi

INSTALL_COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "apt-get": (("apt-get", "update"), ("apt-get", "install", "-y", "--no-install-recommends")),
    "dnf": (("dnf", "install", "-y"),),
    "zypper": (("zypper", "--non-interactive", "install"),),
    "pacman": (("pacman", "-S", "--noconfirm", "--needed"),),
}


@dataclass(frozen=True)
class Prerequisite:
    """Something the operating system provides; `packages` by package manager."""

    name: str
    purpose: str
    packages: Mapping[str, str]
    present: Callable[[Path], bool]  # takes the interpreter of the virtual environment
    required: bool = True


def _runs(python: Path, code: str) -> bool:
    command = [str(python), "-I", "-c", code]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _has_venv(python: Path) -> bool:
    return _runs(python, "import venv, ensurepip")


def _has_headers(python: Path) -> bool:
    return _runs(
        python,
        "import os, sys, sysconfig;"
        "sys.exit(not os.path.exists(os.path.join(sysconfig.get_path('include'), 'Python.h')))",
    )


def _has_compiler(_python: Path) -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++"))


def has_software_driver(libraries: Path = Path("/usr")) -> bool:
    """Whether Mesa can draw on the processor: its driver is a file of its own or in libgallium."""
    folders = [*libraries.glob("lib*"), *libraries.glob("lib/*-linux-gnu")]
    names = ("dri/swrast_dri.so", "libgallium-*.so")
    return any(any(folder.glob(name)) for folder in folders for name in names)


PREREQUISITES = (
    Prerequisite(
        "C++ compiler",
        "builds the message types",
        {"apt-get": "g++", "dnf": "gcc-c++", "zypper": "gcc-c++", "pacman": "gcc"},
        _has_compiler,
    ),
    Prerequisite(
        "make",
        "builds the message types",
        dict.fromkeys(INSTALL_COMMANDS, "make"),
        lambda _python: shutil.which("make") is not None,
    ),
    Prerequisite(
        "Python's venv module",
        "keeps the packages in .venv",
        {"apt-get": "python3-venv", "dnf": "python3", "zypper": "python3", "pacman": "python"},
        _has_venv,
    ),
    Prerequisite(
        "Python headers",
        "build the message types",
        {
            "apt-get": "python3-dev",
            "dnf": "python3-devel",
            "zypper": "python3-devel",
            "pacman": "python",
        },
        _has_headers,
    ),
    Prerequisite(
        "libportaudio2",
        "records from microphones",
        {
            "apt-get": "libportaudio2",
            "dnf": "portaudio",
            "zypper": "libportaudio2",
            "pacman": "portaudio",
        },
        lambda _python: ctypes.util.find_library("portaudio") is not None,
        required=False,
    ),
    Prerequisite(
        "libegl1",
        "draws the simulator's pictures without a screen",
        {
            "apt-get": "libegl1",
            "dnf": "libglvnd-egl",
            "zypper": "libglvnd",
            "pacman": "libglvnd",
        },
        lambda _python: ctypes.util.find_library("EGL") is not None,
        required=False,
    ),
    Prerequisite(
        "Mesa's drivers",
        "draw the simulator's pictures without a GPU",
        {
            "apt-get": "libgl1-mesa-dri",
            "dnf": "mesa-dri-drivers",
            "zypper": "Mesa-dri",
            "pacman": "mesa",
        },
        lambda _python: has_software_driver(),
        required=False,
    ),
)


def check_platform(ros: Ros) -> None:
    """Raise SetupError where torch, or ROS 2 as wheels, cannot run."""
    system, machine = platform.system(), platform.machine()
    machines = SOURCED_MACHINES if ros.is_sourced else WHEEL_MACHINES
    if system != "Linux" or machine not in machines:
        way_out = (
            "install and source ROS 2 there"
            if machine in SOURCED_MACHINES
            else ("use such a machine or container")
        )
        raise SetupError(
            f"this machine is {system} on {machine}, and ROS 2 as wheels needs Linux on "
            f"{' or '.join(machines)}: {way_out}, or build the package in a ROS 2 workspace with "
            "colcon"
        )
    libc, version = platform.libc_ver()
    if libc == "glibc" and tuple(map(int, version.split(".")[:2])) < OLDEST_GLIBC:
        raise SetupError(
            f"the C library is glibc {version}, expected 2.28 or newer: use a distribution from "
            "2019 or later (Debian 10, Ubuntu 20.04, RHEL 8)"
        )


def find_python(ros: Ros) -> Path:
    """The interpreter for `.venv`: 3.10 to 3.14, or the one the sourced ROS was built for."""
    wanted = (ros.python_version,) if ros.is_sourced else PYTHON_VERSIONS
    running = Path(getattr(sys, "_base_executable", sys.executable))
    if f"{sys.version_info.major}.{sys.version_info.minor}" in wanted:
        return running
    for version in wanted:
        for candidate in (f"/usr/bin/python{version}", shutil.which(f"python{version}")):
            if candidate and Path(candidate).exists() and _runs(Path(candidate), "import sys"):
                return Path(candidate)
    raise SetupError(
        f"no Python {' or '.join(sorted(wanted))} found (this is {platform.python_version()}): "
        f"install python{wanted[0]} with its venv and dev packages and run again"
    )


def missing_prerequisites(python: Path) -> list[Prerequisite]:
    return [item for item in PREREQUISITES if not item.present(python)]


def install_commands(missing: Sequence[Prerequisite]) -> list[list[str]]:
    """The commands that install them here, with sudo where needed; empty if no way is known."""
    for manager, commands in INSTALL_COMMANDS.items():
        if shutil.which(manager):
            packages = [item.packages[manager] for item in missing]
            prefix = [] if os.geteuid() == 0 else ["sudo"]
            steps = [[*prefix, *command] for command in commands]
            steps[-1].extend(dict.fromkeys(packages))
            return steps
    return []


def ensure_prerequisites(python: Path, progress: StepDisplay, assume_yes: bool) -> None:
    """Install what is missing if the user agrees; raise SetupError naming what stays missing."""
    missing = missing_prerequisites(python)
    if not missing:
        return
    for item in missing:
        kind = "required" if item.required else "optional"
        progress.note(f"missing: {item.name} ({kind}; {item.purpose})")
    commands = install_commands(missing)
    if commands and _may_install(commands, assume_yes):
        _install(commands, progress)
        missing = missing_prerequisites(python)
    required = [item.name for item in missing if item.required]
    if required:
        how = command_line(commands) or "install them with your distribution's package manager"
        raise SetupError(f"missing: {', '.join(required)}. Install with:\n    {how}")


def command_line(commands: Sequence[Sequence[str]]) -> str:
    return " && ".join(" ".join(command) for command in commands)


def _may_install(commands: Sequence[Sequence[str]], assume_yes: bool) -> bool:
    can_become_root = os.geteuid() == 0 or shutil.which("sudo") is not None
    if not can_become_root:
        return False
    return assume_yes or ask(f"Run `{command_line(commands)}` now?")


def ask(question: str) -> bool:
    """A yes-or-no question; no where nobody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"uio2: {question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _install(commands: Sequence[Sequence[str]], progress: StepDisplay) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        progress.note(f"running {' '.join(command)}")
        if subprocess.run(command, env=env, stdout=sys.stderr, check=False).returncode != 0:
            progress.note(f"{' '.join(command)} failed; going on with what is there")
            return
