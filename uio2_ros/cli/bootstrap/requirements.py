"""Prints the requirements of pyproject.toml; run with the Python of `.venv`.

Usage: requirements.py PYPROJECT [EXTRA ...]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def project_requirements(pyproject: str, extras: list[str]) -> list[str]:
    """The dependencies of a pyproject.toml's text and of the named extras."""
    # Python 3.10 has no tomllib, but the pip of a virtual environment brings its own copy.
    name = "tomllib" if sys.version_info >= (3, 11) else "pip._vendor.tomli"
    tomllib = importlib.import_module(name)
    project = tomllib.loads(pyproject)["project"]
    optional = project.get("optional-dependencies", {})
    unknown = [extra for extra in extras if extra not in optional]
    if unknown:
        raise KeyError(f"pyproject.toml has no extras {unknown}; it has {sorted(optional)}")
    return [*project["dependencies"], *(line for extra in extras for line in optional[extra])]


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    print("\n".join(project_requirements(text, sys.argv[2:])))
