"""The error of a camera or microphone that gives nothing."""

from __future__ import annotations

import importlib
from typing import Any


class SourceError(Exception):
    """What is wrong with a source, and what to do about it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def required(package: str) -> Any:
    """A Python package that one source needs and others do not; SourceError without it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise SourceError(
            f"the Python package {package} is missing ({error})", f"pip install {package}"
        ) from error
