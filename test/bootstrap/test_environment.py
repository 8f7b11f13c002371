"""The environment of commands: complete, free of leftovers, and the same when entered twice."""

import os
import subprocess
from pathlib import Path

import pytest

from uio2_ros import bringup
from uio2_ros.cli.bootstrap.environment import (
    WHEELS_GUARD,
    outer_environment,
    run_environment,
    shell_exports,
)
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.ros import Ros

WHEELS = Ros()


def entries(environ: dict[str, str], name: str) -> list[str]:
    return environ[name].split(os.pathsep)


@pytest.fixture
def built(layout: Layout) -> Layout:
    (layout.install / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return layout


def test_the_checkout_comes_before_the_installed_package(built: Layout) -> None:
    environ = run_environment({"PYTHONPATH": "/mine"}, built, WHEELS)
    installed = built.install / "lib/python3.11/site-packages"
    assert entries(environ, "PYTHONPATH") == [str(built.root), str(installed), "/mine"]


def test_wheels_are_a_ros_prefix_and_replace_another_ros(built: Layout) -> None:
    outer = {
        "AMENT_PREFIX_PATH": "/opt/ros/humble",
        "PYTHONPATH": "/opt/ros/humble/lib/python3.10/site-packages:/mine",
        "LD_LIBRARY_PATH": "/opt/ros/humble/lib:/cuda/lib",
        "PATH": "/opt/ros/humble/bin:/usr/bin",
    }
    environ = run_environment(outer, built, WHEELS)
    assert entries(environ, "AMENT_PREFIX_PATH") == [str(built.install), str(built.venv)]
    assert entries(environ, "LD_LIBRARY_PATH") == [str(built.install / "lib"), "/cuda/lib"]
    assert entries(environ, "PATH") == [str(built.venv / "bin"), "/usr/bin"]
    assert "humble" not in environ["PYTHONPATH"]


def test_a_sourced_ros_stays(built: Layout, sourced_ros: Path) -> None:
    ros = Ros("jazzy", sourced_ros, "3.12")
    outer = {"AMENT_PREFIX_PATH": str(sourced_ros), "ROS_DISTRO": "jazzy"}
    environ = run_environment(outer, built, ros)
    assert entries(environ, "AMENT_PREFIX_PATH") == [str(built.install), str(sourced_ros)]


def test_programs_of_the_system_stay_reachable_with_a_ros_in_usr(built: Layout) -> None:
    outer = {"AMENT_PREFIX_PATH": "/usr", "PATH": "/usr/bin"}
    assert "/usr/bin" in entries(run_environment(outer, built, WHEELS), "PATH")


def test_entering_twice_changes_nothing(built: Layout) -> None:
    once = run_environment({"PATH": "/usr/bin"}, built, WHEELS)
    assert run_environment(once, built, WHEELS) == once


def test_the_mark_of_the_wheels_is_not_inherited(built: Layout) -> None:
    outer = {WHEELS_GUARD: "1", "LD_LIBRARY_PATH": f"{built.venv}/lib", "PYTHONHOME": "/x"}
    assert outer_environment(outer, built, WHEELS) == {}


def test_nodes_are_not_tied_to_the_life_of_the_set_up(built: Layout) -> None:
    outer = {bringup.LAUNCHER_VARIABLE: "12345"}
    assert bringup.LAUNCHER_VARIABLE not in run_environment(outer, built, WHEELS)


def test_the_dds_profile_is_set_unless_the_user_has_one(built: Layout) -> None:
    assert run_environment({}, built, WHEELS)["FASTDDS_DEFAULT_PROFILES_FILE"].endswith(
        "config/fastdds.xml"
    )
    own = run_environment({"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}, built, WHEELS)
    assert "FASTDDS_DEFAULT_PROFILES_FILE" not in own


def test_shell_lines_turn_one_environment_into_the_other(built: Layout) -> None:
    outer = {"PATH": os.environ["PATH"], WHEELS_GUARD: "1", "HOME": "/a folder/it's"}
    wanted = run_environment(outer, built, WHEELS)
    script = f'{shell_exports(outer, wanted)}\necho "$PYTHONPATH|${{{WHEELS_GUARD}-unset}}|$HOME"'
    shell = subprocess.run(["sh", "-c", script], env=outer, capture_output=True, text=True)
    assert shell.stdout == f"{wanted['PYTHONPATH']}|unset|/a folder/it's\n"
