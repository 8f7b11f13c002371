"""The `uio2` executable, as a person meets it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from uio2_ros.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]


def uio2(
    arguments: Sequence[str], folder: Path = ROOT, **environ: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "uio2"), *arguments]
    env = {**os.environ, **environ}
    return subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(arguments: list[str]) -> None:
    done = uio2(arguments)
    assert done.returncode == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", done.stdout, re.MULTILINE)


def test_an_unknown_command_is_named_with_the_known_ones() -> None:
    done = uio2(["fly"])
    assert done.returncode == 2
    assert "no command 'fly'" in done.stderr
    assert "doctor" in done.stderr


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("env", "doctor")])
def test_every_command_explains_itself(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uio2_ros.cli", name, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert name in done.stdout


@pytest.mark.ros
def test_the_environment_is_printed_from_any_folder_without_installing_again(
    tmp_path: Path,
) -> None:
    uio2(["env"])  # whatever had to be updated is now
    done = uio2(["env"], folder=tmp_path, PYTHONPATH="")
    assert f"export PYTHONPATH={ROOT}" in done.stdout
    assert done.stderr == ""


def test_the_executable_compiles_for_pythons_too_old_to_run_it() -> None:
    ast.parse((ROOT / "uio2").read_text(), feature_version=(3, 6))


def test_an_unsupported_sourced_ros_is_explained_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "share" / "rclpy").mkdir(parents=True)
    done = uio2(["env"], AMENT_PREFIX_PATH=str(tmp_path), ROS_DISTRO="humble", UIO2_ROS="")
    assert done.returncode == 1
    assert "'humble'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--ros"], ["--ros", "humble"]])
def test_tests_on_wheels_that_do_not_exist_set_up_nothing(words: list[str]) -> None:
    done = uio2(["test", *words])
    assert done.returncode == 1
    assert "expected wheels or kilted or jazzy" in done.stderr
    assert "setting up" not in done.stderr


def test_without_packages_and_bytecode_the_set_up_modules_import(tmp_path: Path) -> None:
    """Only the standard library: -I -S hides everything else."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import uio2_ros.cli.bootstrap.main"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
