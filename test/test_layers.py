"""Folders import what docs/architecture.md puts before them alone, and no two files each other."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "uio2_ros"
GENERATED = ("msg", "srv", "action")
"""What rosidl makes under the package's name."""
ROWS = "model/families/unified_io_2"
OF_EACH_OTHER = {
    (f"{ROWS}/decoder_rows.py", f"{ROWS}/unified_io.py"): "types of the network that makes rows",
    (f"{ROWS}/static_rows.py", f"{ROWS}/unified_io.py"): "types of the network that makes rows",
    ("tasks/instruction_batch.py", "tasks/runner.py"): "the type of the runner that makes batches",
    ("remote/server.py", "remote/session.py"): "the type of the server that opens sessions",
}
"""Pairs of files that import each other, and why: one of the two for types alone."""


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


@functools.cache
def imports() -> dict[str, frozenset[str]]:
    """The files of the package that each file imports, wherever in it that stands."""
    modules = {_module(file): str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py")}
    found = {}
    for file in PACKAGE.rglob("*.py"):
        names = _named(ast.parse(file.read_text(encoding="utf-8")), modules)
        found[str(file.relative_to(PACKAGE))] = frozenset(modules[name] for name in names)
    return found


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _named(tree: ast.Module, modules: Mapping[str, str]) -> Iterator[str]:
    """The modules that are imported; of a folder, what is taken out of it where that is a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            within = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
            yield from within or {node.module}


def test_no_two_files_import_each_other() -> None:
    pairs = {
        (one, other)
        for one, others in imports().items()
        for other in others
        if one < other and one in imports()[other]
    }
    assert sorted(pairs - OF_EACH_OTHER.keys()) == []


def test_the_gate_stands_on_control_and_not_the_other_way_round() -> None:
    gate = "control/gate/"
    control = [name for name in imports() if name.startswith("control/") and gate not in name]
    assert [name for name in control if any(gate in other for other in imports()[name])] == []


def test_rclpy_is_imported_where_the_page_says() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    sentence = page.split("rclpy is imported only in ")[1].split(";")[0]
    named = tuple(re.findall(r"`([\w/]+(?:/|\.py))`", sentence))
    assert len(named) > 4, sentence
    elsewhere = [
        where
        for file in sorted(PACKAGE.rglob("*.py"))
        if not (where := str(file.relative_to(PACKAGE))).startswith(named)
        and any(
            name.partition(".")[0] == "rclpy"
            for name in _imported(ast.parse(file.read_text(encoding="utf-8")))
        )
    ]
    assert elsewhere == []
