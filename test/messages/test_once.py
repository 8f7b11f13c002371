"""Every conversion is in `messages`, and there once: fields of messages are read nowhere else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import uio2_ros

PACKAGE = Path(uio2_ros.__file__).parent
OF_CONVERSIONS = {
    "a stamp is read": r"\.nanosec\b|\bnanosec=",
    "nanoseconds are counted": r"1_000_000_000\b|\bNS_PER_S\b",
    "the matrix of a CameraInfo is read": r"\binfo\.[kpd]\b|message\.[kpd]\b",
    "pixels of an Image are read": r"\.is_bigendian\b",
    "the size of a box is read": r"\.size_x\b|\.center\.theta\b",
    "a message of what is seen or heard is made": r"\b(CompressedImage|AudioChunk|CameraInfo)\(\w",
    "a message with an orientation is made": r"(?<!rerun\.)\bQuaternion\(",
}
AT_HOME = {"nanoseconds are counted": ["robot/time.py"]}
NEVER = ("rclpy.node", "uio2_ros.nodes", "uio2_ros.client", "uio2_ros.serving", "uio2_ros.tasks")


@pytest.mark.parametrize("what", OF_CONVERSIONS)
def test_messages_alone_look_into_messages(what: str) -> None:
    places = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if re.search(OF_CONVERSIONS[what], file.read_text())
    }
    elsewhere = {place for place in places if not place.startswith("messages/")}
    assert sorted(elsewhere - set(AT_HOME.get(what, []))) == [], what
    assert places, "nothing is found: the pattern is out of date"


def test_no_two_conversions_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for file in (PACKAGE / "messages").glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(file.name)
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_messages_need_no_node() -> None:
    for file in (PACKAGE / "messages").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            assert not [name for name in names if name.startswith(NEVER)], file.name
