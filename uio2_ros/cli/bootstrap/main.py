"""`./uio2 <command>`: set up what is missing, then run the command in the ROS environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from uio2_ros.cli.bootstrap.environment import run_environment, shell_exports
from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.interfaces import ensure_interfaces
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.lock import setup_lock
from uio2_ros.cli.bootstrap.progress import StepDisplay
from uio2_ros.cli.bootstrap.python_environment import (
    TEST_EXTRAS,
    USER_EXTRAS,
    ensure_environment,
)
from uio2_ros.cli.bootstrap.ros import WHEELS, Ros, find_ros
from uio2_ros.cli.commands import BUILT_IN, COMMANDS, WITHOUT_SETUP, listed

USAGE = """\
usage: ./uio2 [--yes] COMMAND [ARGUMENT ...]

Sets up what is missing (.venv and .colcon in this folder), then runs COMMAND:

{commands}

  --yes    install missing system packages without asking (also with CI=true)

./uio2 COMMAND --help explains a command. With a sourced ROS 2 Jazzy, Kilted or Lyrical that ROS is
used, else Kilted is installed into .venv; UIO2_ROS=kilted or =jazzy asks for wheels of that
distribution (Jazzy: in .venv-jazzy). UIO2_TORCH_SPEC and UIO2_TORCH_INDEX choose another torch and
the package index it comes from.
"""


def usage() -> str:
    return USAGE.format(commands=listed(COMMANDS))


def main(root: Path, argv: Sequence[str]) -> int:
    """Entry of the `uio2` executable; returns an exit code or becomes the command's process."""
    arguments = list(argv)
    assume_yes = os.environ.get("CI") == "true"
    while arguments and arguments[0] in ("--yes", "-y"):
        assume_yes = True
        arguments.pop(0)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0
    command, *rest = arguments
    if command not in COMMANDS:
        print(f"uio2: no command '{command}'; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return run_command(root, command, rest, assume_yes)
    except SetupError as failure:
        print(f"uio2: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nuio2: interrupted", file=sys.stderr)
        return 130


def run_command(root: Path, command: str, arguments: Sequence[str], assume_yes: bool) -> int:
    """Set up as far as the command needs, then hand over to it."""
    if command == WITHOUT_SETUP:
        return _become(Path(sys.executable), command, arguments, _diagnosis_environment(root))
    if command == "test" and arguments[:1] == ["--ros"]:
        if len(arguments) == 1:
            raise SetupError(f"test --ros: which? expected {' or '.join(WHEELS)}")
        os.environ["UIO2_ROS"], *arguments = arguments[1:]
    ros = find_ros(os.environ)
    layout = Layout(root, ros.variant)
    set_up(layout, ros, TEST_EXTRAS if command == "test" else USER_EXTRAS, assume_yes)
    env = run_environment(os.environ, layout, ros)
    if command == BUILT_IN:
        print(shell_exports(os.environ, env))
        return 0
    return _become(layout.python, command, arguments, env)


def set_up(layout: Layout, ros: Ros, extras: Sequence[str], assume_yes: bool) -> None:
    """Bring `.venv` and the built interfaces up to date."""
    progress = StepDisplay(layout.setup_log)
    with setup_lock(layout.lock, progress):
        ensure_environment(layout, ros, extras, progress, assume_yes)
        ensure_interfaces(layout, ros, progress)


def _diagnosis_environment(root: Path) -> dict[str, str]:
    """The doctor must run where the set-up fails, an unsupported sourced ROS included."""
    try:
        ros = find_ros(os.environ)
    except SetupError:
        ros = Ros()
    return run_environment(os.environ, Layout(root, ros.variant), ros)


def _become(python: Path, command: str, arguments: Sequence[str], env: dict[str, str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    argv = [str(python), "-m", "uio2_ros.cli", command, *arguments]
    os.execve(python, argv, env)
    raise AssertionError("execve returned")
