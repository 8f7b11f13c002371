"""Checkouts and ROS installations made of a few small files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from uio2_ros.cli.bootstrap.failure import SetupError
from uio2_ros.cli.bootstrap.layout import Layout
from uio2_ros.cli.bootstrap.progress import StepDisplay
from uio2_ros.cli.bootstrap.python_environment import USER_EXTRAS

OTHER_EXTRAS = "".join(f'{extra} = ["wheel"]\n' for extra in USER_EXTRAS if extra != "ros")
PYPROJECT = f"""\
[project]
name = "uio2_ros"
dependencies = ["numpy>=1.26,<3"]

[project.optional-dependencies]
ros = ["psutil>=5.9"]
{OTHER_EXTRAS}dev = ["pytest>=8", "ruff>=0.9"]

[tool.ruff]
line-length = 100
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A checkout with the files the set-up reads."""
    root = tmp_path / "checkout"
    for folder in ("msg", "srv", "action", "compat/vision_msgs/msg", "scripts", "config"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    for distro, rclpy in (("kilted", ">=9.1,<10"), ("jazzy", ">=7.1,<8")):
        (root / f"requirements-ros-{distro}.txt").write_text(f"ros-rclpy[fastrtps]{rclpy}\n")
    for name in ("package.xml", "CMakeLists.txt", "compat/vision_msgs/package.xml"):
        (root / name).write_text("<package/>")
    (root / "msg" / "Keypoint.msg").write_text("float64 x\n")
    layout = Layout(root)
    layout.colcon.mkdir()
    return layout


@pytest.fixture
def with_venv(layout: Layout) -> Layout:
    """The checkout with a `.venv` whose Python is the one that runs the tests."""
    layout.python.parent.mkdir(parents=True)
    layout.python.symlink_to(sys.executable)
    return layout


@pytest.fixture
def sourced_ros(tmp_path: Path) -> Path:
    """A prefix that looks like /opt/ros/jazzy."""
    prefix = tmp_path / "opt" / "ros" / "jazzy"
    for folder in ("share/rclpy", "lib/python3.12/site-packages/rclpy"):
        (prefix / folder).mkdir(parents=True)
    return prefix


class RecordedProgress(StepDisplay):
    """Keeps the commands instead of running them; a title in `failures` fails with that text."""

    def __init__(self, log_file: Path) -> None:
        super().__init__(log_file)
        self.commands: list[tuple[str, list[str]]] = []
        self.failures: dict[str, str] = {}

    def run(
        self,
        title: str,
        command: Sequence[str | Path],
        env: Mapping[str, str],  # noqa: ARG002
        cwd: Path | None = None,  # noqa: ARG002
    ) -> None:
        self.commands.append((title, [str(part) for part in command]))
        if "venv" in self.commands[-1][1]:
            Path(command[-1]).mkdir()
        if title in self.failures:
            raise SetupError(self.failures[title])

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.commands]

    def command(self, title: str) -> list[str]:
        return dict(self.commands)[title]


@pytest.fixture
def progress(layout: Layout) -> RecordedProgress:
    return RecordedProgress(layout.setup_log)
