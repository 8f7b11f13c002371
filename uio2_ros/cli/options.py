"""Options of commands: settings, with their defaults, bounds and meanings; and counts.

Imports the standard library only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from uio2_ros.settings import Value, settings_of


def add_options(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, settings: type[Any], *names: str
) -> None:
    """Options named after settings of a dataclass, `--table-task` for `table_task`."""
    known = settings_of(settings)
    for name in names:
        setting = known[name]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_checked(setting.parsed),
            default=setting.default,
            metavar=name.rpartition("_")[2].upper(),
            help=setting.meaning,
        )


def _checked(parsed: Callable[[str], Value]) -> Callable[[str], Value]:
    def parse(text: str) -> Value:
        try:
            return parsed(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def at_least_one(text: str) -> int:
    """The type of an option that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
