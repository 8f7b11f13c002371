"""Prints the requirements of pyproject.toml; run with the Python of `.venv`.

Usage: requirements.py PYPROJECT [EXTRA ...]
"""

from __future__ import annotations

import sys
from pathlib import Path


def project_requirements(pyproject: str, extras: list[str]) -> list[str]:
    """The dependencies of a pyproject.toml's text and of the named extras."""
    try:
        import tomllib
    except ModuleNotFoundError:  # Python 3.10; ensurepip's pip brings its own copy
        from pip._vendor import tomli as tomllib  # type: ignore[no-redef]
    project = tomllib.loads(pyproject)["project"]
    optional = project.get("optional-dependencies", {})
    unknown = [extra for extra in extras if extra not in optional]
    if unknown:
        raise KeyError(f"pyproject.toml has no extras {unknown}; it has {sorted(optional)}")
    return [*project["dependencies"], *(line for extra in extras for line in optional[extra])]


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    print("\n".join(project_requirements(text, sys.argv[2:])))
