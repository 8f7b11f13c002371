"""Folders import nothing but what docs/architecture.md puts before them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "uio2_ros"
GENERATED = ("msg", "srv", "action")
"""What rosidl makes under the package's name."""


def floors() -> list[str]:
    """Of the house in docs/architecture.md, the ground floor first."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    house = page.split("    uio2_ros/\n")[1].split("\n    test/")[0]
    return re.findall(r"^      (\w+)(?:/|\.py) ", house, re.MULTILINE)


@functools.cache
def arrows() -> tuple[tuple[str, str, str], ...]:
    """Importing and imported floor, and the file that imports."""
    found = set()
    for file in sorted(PACKAGE.rglob("*.py")):
        where = file.relative_to(PACKAGE)
        if where != Path("__init__.py"):
            for module in _imported(ast.parse(file.read_text(encoding="utf-8"))):
                package, _, rest = module.partition(".")
                name = rest.partition(".")[0]
                if package == "uio2_ros" and name and name not in GENERATED:
                    found.add((where.parts[0].removesuffix(".py"), name, str(where)))
    return tuple(sorted(found))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "uio2_ros":
            yield from (f"uio2_ros.{alias.name}" for alias in node.names if alias.name[0] != "_")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports of this package are absolute"
            yield node.module or ""


def test_every_folder_has_its_floor() -> None:
    there = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert sorted(floors()) == sorted(there)


@pytest.mark.parametrize("floor", floors())
def test_a_floor_stands_on_those_below_it_alone(floor: str) -> None:
    order = floors()
    below = {*order[: order.index(floor) + 1]}
    upward = {
        f"{file} imports {imported}"
        for importing, imported, file in arrows()
        if importing == floor and imported not in below
    }
    assert sorted(upward) == []
