"""What this package is made of that others wrote, and under which licence: docs/licences.md.

Read from what is installed: the dependencies of pyproject.toml and the ROS wheels, and theirs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import (
    Distribution,
    PackageMetadata,
    PackageNotFoundError,
    distribution,
)
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = "uio2_ros"
ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# Licences of what this package uses

Made by `./uio2 sbom --licences` from what the packages themselves say, as installed by `./uio2` on
Linux with CPython {python}; of the ROS wheels, those of Jazzy too. A test holds it complete. None
of them is part of this repository but the message definitions in `compat/`, whose licences are
beside them. Development tools (`dev`, `docs`, `sbom`) and what CUDA builds of torch bring (NVIDIA's
own licences) are not listed. `./uio2 sbom` writes the bill of materials of an installation, with
versions, in CycloneDX.

| package | licence | for |
|---|---|---|
"""
WHEELS = "wheels"
TOOLS = ("dev", "docs", "sbom")
"""Extras that no robot needs."""
IN_THEIR_FILES = {
    "ros-fastcdr": "Apache-2.0",
    "ros-fastdds": "Apache-2.0",
    "ros-fastrtps": "Apache-2.0",
    "setuptools": "MIT",
}
"""Of packages whose metadata do not say, but whose licence files do."""
UNSAID = "not said"
OF_WHEELS = re.compile(rf"^\| (?P<package>\S+) (?P<rest>\|.*\| {WHEELS} \|)$", re.MULTILINE)
LONGEST = 60
"""Characters; what is longer is the text of a licence, not its name."""


@dataclass(frozen=True)
class Licence:
    """One package; `uses` are the parts of this package that need it: "" is all of it."""

    package: str
    licence: str
    uses: tuple[str, ...]


def page(before: str) -> str:
    """docs/licences.md of this environment. ROS's wheels stay that `before` lists and it lacks."""
    rows = {}
    for one in licences():
        uses = "all" if "" in one.uses else ", ".join(one.uses)
        rows[one.package] = f"| {one.licence} | {uses} |"
    wheels = {row["package"]: row["rest"] for row in OF_WHEELS.finditer(before)}
    lines = [f"| {package} {rest}" for package, rest in sorted({**wheels, **rows}.items())]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return HEAD.format(python=python) + "\n".join(lines) + "\n"


def licences() -> list[Licence]:
    """Every package that is needed and installed here."""
    uses: dict[str, set[str]] = {}
    for use, requirements in _wanted().items():
        for name in _closure(requirements):
            uses.setdefault(name, set()).add(use)
    return [
        Licence(name, licence_of(distribution(name)), tuple(sorted(uses[name])))
        for name in sorted(uses)
    ]


def licence_of(found: Distribution) -> str:
    """The licence's name: of the metadata, its classifiers, or the ROS package's manifest."""
    metadata = found.metadata
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License :: ") and text != "License :: OSI Approved"
    ]
    free = _field(metadata, "License").strip()
    named = free if len(free) <= LONGEST and "\n" not in free else ""
    said = _field(metadata, "License-Expression")
    name = metadata["Name"]
    unnamed = _of_manifest(name) or IN_THEIR_FILES.get(str(canonicalize_name(name)), UNSAID)
    return said or " and ".join(classified) or named or unnamed


def _field(metadata: PackageMetadata, name: str) -> str:
    """Which has no `get` before Python 3.12."""
    return metadata[name] if name in metadata else ""  # noqa: SIM401


def _of_manifest(name: str) -> str:
    package = re.sub(r"^ros[-_]", "", name).replace("-", "_")
    file = Path(sys.prefix, "share", package, "package.xml")
    if not file.is_file():
        return ""
    names = re.findall(r"<license[^>]*>([^<]+)</license>", file.read_text(encoding="utf-8"))
    return " and ".join(names)


def _wanted() -> dict[str, list[Requirement]]:
    """The requirements of each part of this package."""
    wanted: dict[str, list[Requirement]] = {"": []}
    for use, lines in _declared().items():
        if use not in TOOLS:
            wanted[use] = [Requirement(line) for line in lines]
    for file in ROOT.glob("requirements-ros-*.txt"):
        lines = file.read_text(encoding="utf-8").splitlines()
        ros = [Requirement(line) for line in lines if line and not line.startswith("#")]
        wanted.setdefault(WHEELS, []).extend(ros)
    return wanted


def _declared() -> dict[str, list[str]]:
    """The dependencies of pyproject.toml by extra, "" for those of all."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def _closure(requirements: Iterable[Requirement]) -> set[str]:
    """Names of all that these bring and that is installed."""
    todo, seen = [(one.name, frozenset(one.extras)) for one in requirements], set()
    while todo:
        one = todo.pop()
        name, extras = one
        if one in seen or name.startswith("nvidia-"):
            continue
        try:
            lines = distribution(name).requires or ()
        except PackageNotFoundError:
            continue
        seen.add(one)
        for wanted in map(Requirement, lines):
            holds = wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            )
            if holds:
                todo.append((wanted.name, frozenset(wanted.extras)))
    return {str(canonicalize_name(name)) for name, _ in seen}
