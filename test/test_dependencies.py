"""What the package imports is declared: in pyproject.toml, or in package.xml if it is of ROS."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from uio2_ros.cli.bootstrap.python_environment import TEST_EXTRAS, USER_EXTRAS
from uio2_ros.cli.bootstrap.requirements import project_requirements

ROOT = Path(__file__).parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
DISTRIBUTIONS = {  # where the name of the import is another one
    "cv2": "opencv-python-headless",
    "yaml": "PyYAML",
    "mcap_ros2": "mcap-ros2-support",
    "mpl_toolkits": "matplotlib",
    "norfair": "norfair-enough",
    "rerun": "rerun-sdk",
}
LIBRARY = ("robot", "model", "processing", "inference", "decoding", "tasks", "history", "serving")
"""Folders that `pip install .` without extras serves."""
OF_ROS_ONLY = {"launch", "launch_ros", "rclpy", "cv_bridge", "std_srvs", "tf2_ros"}


def imports(folder: Path, *, everywhere: bool) -> Iterator[tuple[str, Path]]:
    """Top-level packages that modules import, inside functions too or not, and who does."""
    for file in folder.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree) if everywhere else tree.body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names = [node.module]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and top != "uio2_ros":
                    yield top, file.relative_to(ROOT)


def is_of_ros(name: str) -> bool:
    return name in OF_ROS_ONLY or name.endswith(("_msgs", "_interfaces"))


def declared(*extras: str) -> set[str]:
    lines = project_requirements(PYPROJECT, list(extras))
    return {normal(re.split(r"[<>=!;\[ ]", line)[0]) for line in lines}


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def undeclared(found: Iterator[tuple[str, Path]], known: set[str]) -> list[str]:
    return sorted(
        {
            f"{name} in {file}"
            for name, file in found
            if not is_of_ros(name) and normal(DISTRIBUTIONS.get(name, name)) not in known
        }
    )


def test_every_import_is_declared_in_pyproject() -> None:
    section = PYPROJECT.split("[project.optional-dependencies]")[1].split("\n[")[0]
    extras = re.findall(r"^(\w+) = \[", section, re.MULTILINE)
    assert undeclared(imports(ROOT / "uio2_ros", everywhere=True), declared(*extras)) == []


@pytest.mark.parametrize("room", LIBRARY)
def test_the_library_needs_no_extra(room: str) -> None:
    found = imports(ROOT / "uio2_ros" / room, everywhere=False)
    assert undeclared(found, declared()) == []


def test_requirements_are_named_once_and_have_a_range() -> None:
    lines = project_requirements(PYPROJECT, [])
    names = [re.split(r"[<>=]", line)[0] for line in lines]
    assert len(set(map(normal, names))) == len(names)
    every = project_requirements(PYPROJECT, [*USER_EXTRAS, *TEST_EXTRAS])
    assert [line for line in every if not re.search(r">=.*,<", line)] == []


def test_every_ros_package_is_declared_in_package_xml() -> None:
    manifest = ElementTree.parse(ROOT / "package.xml").getroot()
    names = {element.text for element in manifest if element.tag.endswith("depend")}
    found = imports(ROOT / "uio2_ros", everywhere=True)
    optional = {"audio_common_msgs", "foxglove_msgs"}  # used where they are installed
    needed = {name for name, _ in found if is_of_ros(name)} - optional
    assert needed - names == set()
