"""Which ROS 2 is used, and what is done to the wheels."""

from pathlib import Path

import pytest

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.ros import find_ros, missing_packages, relocate_wheels


def test_without_a_sourced_ros_the_wheels_are_used() -> None:
    ros = find_ros({})
    assert not ros.is_sourced
    assert ros.identity == "wheels"


@pytest.mark.parametrize("distro", ["jazzy", "kilted", "lyrical"])
def test_a_sourced_ros_is_used_with_the_python_it_was_built_for(
    sourced_ros: Path, distro: str
) -> None:
    environ = {"ROS_DISTRO": distro, "AMENT_PREFIX_PATH": f"/overlay:{sourced_ros}"}
    ros = find_ros(environ)
    assert ros.prefix == sourced_ros
    assert ros.python_version == "3.12"
    assert ros.identity == f"{distro} {sourced_ros}"


def test_an_unsupported_distribution_is_named_with_a_way_out(sourced_ros: Path) -> None:
    environ = {"ROS_DISTRO": "humble", "AMENT_PREFIX_PATH": str(sourced_ros)}
    with pytest.raises(SetupError, match=r"'humble'.*jazzy or kilted or lyrical.*UIO2_ROS=wheels"):
        find_ros(environ)


def test_the_wheels_can_be_asked_for(sourced_ros: Path) -> None:
    environ = {
        "ROS_DISTRO": "humble",
        "AMENT_PREFIX_PATH": str(sourced_ros),
        "UIO2_ROS": "wheels",
    }
    assert not find_ros(environ).is_sourced


def test_wheels_of_another_distribution_have_folders_of_their_own(layout: Layout) -> None:
    ros = find_ros({"UIO2_ROS": "jazzy"})
    assert (ros.requirements, ros.identity) == ("requirements-ros-jazzy.txt", "jazzy wheels")
    beside = Layout(layout.root, ros.variant)
    assert (beside.venv.name, beside.colcon.name) == (".venv-jazzy", ".colcon-jazzy")
    assert find_ros({"UIO2_ROS": "wheels"}) == find_ros({"UIO2_ROS": "kilted"}) == find_ros({})


def test_wheels_that_do_not_exist_are_refused() -> None:
    with pytest.raises(
        SetupError, match="UIO2_ROS is 'humble', expected wheels or kilted or jazzy"
    ):
        find_ros({"UIO2_ROS": "humble"})


def test_our_own_environment_is_not_taken_for_a_sourced_ros(layout: Layout) -> None:
    (layout.venv / "share" / "rclpy").mkdir(parents=True)
    (layout.venv / "pyvenv.cfg").touch()
    environ = {"AMENT_PREFIX_PATH": f"{layout.install}:{layout.venv}", "ROS_DISTRO": "kilted"}
    assert not find_ros(environ).is_sourced


def test_a_ros_without_rclpy_for_python_is_reported(tmp_path: Path) -> None:
    (tmp_path / "broken" / "share" / "rclpy").mkdir(parents=True)
    environ = {"ROS_DISTRO": "jazzy", "AMENT_PREFIX_PATH": str(tmp_path / "broken")}
    with pytest.raises(SetupError, match="no Python package rclpy"):
        find_ros(environ)


def test_stand_ins_are_needed_only_for_packages_no_prefix_has(tmp_path: Path) -> None:
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "tf2_msgs").touch()
    assert missing_packages(("tf2_msgs", "vision_msgs"), [Path("/none"), tmp_path]) == [
        "vision_msgs"
    ]


def test_wheels_are_pointed_at_this_machine_once(tmp_path: Path) -> None:
    file = tmp_path / "share" / "std_msgs" / "cmake" / "export.cmake"
    file.parent.mkdir(parents=True)
    file.write_text(
        'INCLUDES "/opt/python/cp311-cp311/include/python3.11;'
        '/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"\n'
    )
    include, numpy_include = Path("/here/include"), Path("/here/numpy/include")
    cached = tmp_path / "cached.cmake"
    cached.hardlink_to(file)
    assert relocate_wheels(tmp_path, include, numpy_include) == 1
    assert "/opt/python/" in cached.read_text(), "what uv's cache shares stays as it was"
    assert file.read_text() == 'INCLUDES "/here/include;/here/numpy/include"\n'
    assert relocate_wheels(tmp_path, include, numpy_include) == 0
