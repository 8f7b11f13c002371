"""The classes of messages by the names of their types."""

from __future__ import annotations

import importlib
from typing import Any


def find_type(name: str) -> type[Any] | None:
    """The class of "package/msg/Name"; None if there is none: the package may not be installed."""
    package, _, message = name.partition("/msg/")
    if not package.isidentifier():
        return None
    try:
        module = importlib.import_module(f"{package}.msg")
    except ModuleNotFoundError:
        return None
    found: type[Any] | None = getattr(module, message, None)
    return found
