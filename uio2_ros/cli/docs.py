"""./uio2 docs: what is written elsewhere about settings, made from the settings themselves.

Rewrites config/agent.yaml and the tables between `<!-- settings: NAME -->` and `<!-- end -->` in
README.md and docs/*.md, and the README's table of faults from benchmarks/faults.json. With --api
also the reference of the Python interface, out of the docstrings.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

import uio2_ros
from uio2_ros import bringup
from uio2_ros.cli.faults.report import load, markdown
from uio2_ros.settings import Setting, Value, settings_of

ROOT = Path(__file__).resolve().parents[2]
COMMENT_COLUMN = 36
YAML_HEAD = """\
# Parameters of the nodes, with their defaults: every one there is. Made by ./uio2 docs.
# Copy this file, change what you need, and start with params_file:=<your copy>.
"""
FAULTS = re.compile(r"(<!-- faults -->\n).*?(<!-- end -->)", re.DOTALL)
TABLE = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def nodes() -> dict[str, dict[str, Setting]]:
    """The parameters of every node, by its name."""
    from uio2_ros.nodes.agent.parameters import AgentSettings
    from uio2_ros.nodes.bridge.parameters import BridgeNodeSettings
    from uio2_ros.nodes.recorder.parameters import RecorderSettings
    from uio2_ros.nodes.simulator.settings import SimulatorSettings
    from uio2_ros.nodes.sources.camera import CameraSettings
    from uio2_ros.nodes.sources.microphone import MicrophoneSettings
    from uio2_ros.page.settings import PageSettings

    kinds: dict[str, type[Any]] = {
        "agent": AgentSettings,
        "bridge": BridgeNodeSettings,
        "camera": CameraSettings,
        "microphone": MicrophoneSettings,
        "page": PageSettings,
        "recorder": RecorderSettings,
        "simulator": SimulatorSettings,
    }
    return {name: settings_of(kind) for name, kind in kinds.items()}


def parameter_file(settings: Mapping[str, Mapping[str, Setting]]) -> str:
    """config/agent.yaml."""
    lines = ["/**:"]
    for node, known in settings.items():
        lines += [f"  {node}:", "    ros__parameters:", *_yaml_lines(known.values())]
    return YAML_HEAD + "\n".join(lines) + "\n"


def table(settings: Iterable[Setting]) -> str:
    """Rows of name, default and meaning in Markdown."""
    rows = ["| | default | |", "|---|---|---|"]
    for known in settings:
        default = f"`{known.shown}`" if known.shown else ""
        rows.append(f"| `{known.name}` | {default} | {known.meaning} |")
    return "\n".join(rows) + "\n"


def with_tables(page: str, settings: Mapping[str, Mapping[str, Setting]]) -> str:
    """The page with its tables made anew; KeyError for settings that do not exist."""
    return TABLE.sub(lambda found: found[1] + table(settings[found[2]].values()) + found[3], page)


def with_faults(page: str, faults: str) -> str:
    """The page with its table of faults made anew."""
    return FAULTS.sub(lambda found: found[1] + faults + found[2], page)


def documents() -> dict[Path, str]:
    """Every file that is made from the settings, and what should be in it."""
    settings = nodes()
    remembering = {
        name: known
        for name, known in settings["agent"].items()
        if name.startswith(("depth.", "memory."))
    }
    tables = {**settings, "arguments": bringup.ARGUMENTS, "memory": remembering}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    faults = markdown(load(ROOT / "benchmarks" / "faults.json"))
    made = {
        page: with_faults(with_tables(page.read_text(encoding="utf-8"), tables), faults)
        for page in pages
    }
    return {ROOT / "config" / "agent.yaml": parameter_file(settings), **made}


def main(argv: Sequence[str]) -> int:
    """Entry of the command."""
    parser = argparse.ArgumentParser(prog="./uio2 docs", description=__doc__)
    parser.add_argument("--api", type=Path, metavar="DIR", help="write the API reference there")
    options = parser.parse_args(argv)
    for file, text in documents().items():
        if file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            print(f"wrote {file.relative_to(ROOT)}")
    return write_reference(uio2_ros, options.api) if options.api else 0


def write_reference(package: ModuleType, folder: Path) -> int:
    """What docstrings say of a package, as pages for a browser; the exit code."""
    modules = [package.__name__]
    for module, missing in unimportable(package).items():
        print(f"left out {module}: {missing} is not installed")
        modules.append(f"!{module}")
    command = [sys.executable, "-m", "pdoc", "--output-directory", str(folder), *modules]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        print(f"wrote {folder / 'index.html'}")
    return code


def unimportable(package: ModuleType) -> dict[str, str]:
    """The modules of a package that want what is not installed, and what that is."""
    modules = pkgutil.walk_packages(package.__path__, f"{package.__name__}.", lambda _: None)
    wanting = {found.name: _missing(found.name, package.__name__) for found in modules}
    return {module: missing for module, missing in wanting.items() if missing}


def _missing(module: str, package: str) -> str:
    """What a module of the package wants that is not installed; "" if it can be imported."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name.partition(".")[0] == package:
            raise
        return name
    return ""


def _yaml_lines(settings: Iterable[Setting]) -> list[str]:
    tree: dict[str, Any] = {}
    for known in settings:
        *groups, leaf = known.name.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[leaf] = known
    return list(_branch_lines(tree, " " * 6))


def _branch_lines(tree: Mapping[str, Any], indent: str) -> Iterable[str]:
    for name, item in tree.items():
        if isinstance(item, Setting):
            entry = f"{indent}{name}: {_scalar(item.default)}"
            yield f"{entry.ljust(COMMENT_COLUMN)}  # {item.meaning}"
        else:
            yield f"{indent}{name}:"
            yield from _branch_lines(item, indent + "  ")


def _scalar(value: Value) -> str:
    return yaml.safe_dump(value).removesuffix("...\n").strip().replace("''", '""')
