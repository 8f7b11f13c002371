"""When the message types are built, and with which stand-ins."""

from pathlib import Path
from typing import Any

import pytest

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.interfaces import ensure_interfaces, stand_ins
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.ros import Ros
from uio2_ros.cli.bootstrap.stamp import read_stamp, write_stamp

WHEELS = Ros()
TITLE = "Building the message types"


@pytest.fixture
def built(with_venv: Layout, progress: Any) -> Layout:
    write_stamp(with_venv.environment_stamp, {"root": str(with_venv.root), "ros": "wheels"})
    ensure_interfaces(with_venv, WHEELS, progress)
    with_venv.install.mkdir()
    progress.commands.clear()
    return with_venv


def test_unchanged_sources_are_not_built_again(built: Layout, progress: Any) -> None:
    (built.root / "config" / "agent.yaml").write_text("a: 1\n")
    ensure_interfaces(built, WHEELS, progress)
    progress.commands.clear()
    (built.root / "config" / "agent.yaml").write_text("a: 2\n")  # linked, not copied
    ensure_interfaces(built, WHEELS, progress)
    assert progress.commands == []


@pytest.mark.parametrize("name", ["msg/Keypoint.msg", "srv/New.srv", "CMakeLists.txt"])
def test_changed_and_new_sources_are_built(built: Layout, progress: Any, name: str) -> None:
    (built.root / name).write_text("float32 x\n")
    ensure_interfaces(built, WHEELS, progress)
    assert progress.titles == [TITLE]


def test_a_failed_build_is_repeated(with_venv: Layout, progress: Any) -> None:
    progress.failures[TITLE] = "no compiler"
    with pytest.raises(SetupError, match="no compiler"):
        ensure_interfaces(with_venv, WHEELS, progress)
    progress.failures.clear()
    ensure_interfaces(with_venv, WHEELS, progress)
    assert progress.titles == [TITLE, TITLE]


def cached(layout: Layout) -> Path:
    """What a build from scratch removes."""
    left = layout.build / "uio2_ros" / "CMakeCache.txt"
    left.parent.mkdir(parents=True)
    left.touch()
    return left


def test_a_definition_that_is_gone_leaves_no_code_behind(built: Layout, progress: Any) -> None:
    left = cached(built)
    (built.root / "srv" / "New.srv").write_text("---\n")
    ensure_interfaces(built, WHEELS, progress)
    assert left.exists()
    built.install.mkdir(exist_ok=True)
    (built.root / "srv" / "New.srv").unlink()
    ensure_interfaces(built, WHEELS, progress)
    assert not left.exists()


def test_another_ros_builds_from_scratch(built: Layout, progress: Any) -> None:
    left = cached(built)
    write_stamp(built.environment_stamp, {"root": str(built.root), "ros": "jazzy /opt/ros/jazzy"})
    ensure_interfaces(built, WHEELS, progress)
    assert not left.exists()


def test_other_options_build_from_scratch(built: Layout, progress: Any) -> None:
    """A build folder belongs to one generator of CMake."""
    left = cached(built)
    recorded = read_stamp(built.interfaces_stamp)
    write_stamp(built.interfaces_stamp, {**recorded, "options": "-DCMAKE_BUILD_TYPE=Release"})
    ensure_interfaces(built, WHEELS, progress)
    assert not left.exists()


def test_a_stand_in_is_built_only_without_the_original(layout: Layout, tmp_path: Path) -> None:
    environ = {"AMENT_PREFIX_PATH": str(tmp_path)}
    assert stand_ins(layout, environ) == [layout.root / "compat" / "vision_msgs"]
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "vision_msgs").touch()
    assert stand_ins(layout, environ) == []


@pytest.mark.parametrize(
    ("ros", "only_used"), [(WHEELS, True), (Ros("jazzy", Path("/opt/ros/jazzy"), "3.12"), False)]
)
def test_only_the_wheels_spare_the_type_supports_that_they_cannot_use(
    with_venv: Layout, progress: Any, ros: Ros, only_used: bool
) -> None:
    ensure_interfaces(with_venv, ros, progress)
    assert ("-DPYTHON_OVER_FASTDDS_ONLY=ON" in progress.command(TITLE)) is only_used


def test_every_package_of_this_checkout_generates_by_the_shared_rule() -> None:
    root = Path(__file__).parents[2]
    rules = [root / "CMakeLists.txt", *(root / "compat").glob("*/CMakeLists.txt")]
    assert len(rules) == 7
    for rule in rules:
        text = rule.read_text()
        assert "compat/type_supports.cmake" in text or "../type_supports.cmake" in text
        assert "rosidl_generate_interfaces(" not in text
