"""What makes the project one that others can join holds together."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from uio2_ros import __version__
from uio2_ros.cli.bootstrap.prerequisites import PYTHON_VERSIONS
from uio2_ros.cli.bootstrap.ros import SUPPORTED_DISTROS, WHEELS

ROOT = Path(__file__).parents[1]
PAGES = (
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
)
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
CI = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_there_is_one_version() -> None:
    manifest = ElementTree.parse(ROOT / "package.xml").getroot()
    assert manifest.findtext("version") == __version__
    assert 'version = { attr = "uio2_ros.__version__" }' in text("pyproject.toml")
    assert f"## {__version__}" in text("CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)", text(page)):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_ci_runs_on_every_supported_distribution() -> None:
    assert set(CI["wheels"]["strategy"]["matrix"]["ros"]) == set(WHEELS.values())
    assert set(CI["sourced"]["strategy"]["matrix"]["ros"]) == set(SUPPORTED_DISTROS)
    assert set(CI["workspace"]["strategy"]["matrix"]["ros"]) == set(SUPPORTED_DISTROS)


def test_ci_runs_on_the_oldest_and_the_newest_python() -> None:
    order = sorted(PYTHON_VERSIONS, key=lambda version: int(version.split(".")[1]))
    tried = CI["wheels"]["strategy"]["matrix"]["python"]
    assert {order[0], order[-1]} <= set(tried) <= set(order)
    assert f'requires-python = ">={order[0]}"' in text("pyproject.toml")
    for page in ("README.md", "docs/releases.md"):
        assert f"{order[0]} to {order[-1]}" in text(page)


def test_contributing_names_every_folder_of_tests() -> None:
    folders = {f.name for f in (ROOT / "test").iterdir() if f.is_dir() and any(f.glob("test_*.py"))}
    named = set(re.findall(r"`(\w+)`", text("CONTRIBUTING.md")))
    assert folders - named == set()
