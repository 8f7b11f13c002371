"""`./uio2 sbom`: the bill of materials (CycloneDX), and docs/licences.md with --licences."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from uio2_ros.cli.outcome import Exit, ended

ROOT = Path(__file__).resolve().parents[2]
TOOL = "cyclonedx_py"
LICENCES = ROOT / "docs" / "licences.md"


def main(argv: Sequence[str]) -> int:
    """0: written; 2: the tool that writes it is not installed."""
    parser = argparse.ArgumentParser(prog="./uio2 sbom", description=__doc__)
    parser.add_argument("-o", "--output", default="-", help="JSON file (default: standard output)")
    parser.add_argument("--licences", action="store_true", help="rewrite docs/licences.md instead")
    options = parser.parse_args(argv)
    missing = [name for name in (TOOL, "packaging") if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        return ended("sbom", f"{names} is not installed; pip install '.[sbom]'", Exit.WRONG)
    if options.licences:
        from uio2_ros.cli.licences import page

        LICENCES.write_text(page(LICENCES.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    command = [sys.executable, "-m", TOOL, "environment", "--output-reproducible"]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "-o", options.output, sys.executable]
    return subprocess.call(command)
