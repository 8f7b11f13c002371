"""Options of commands: settings, with their defaults, bounds and meanings; and types of others.

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
    """Options named after settings of a dataclass, `--table-task` for `table_task`; all if none
    is named."""
    known = settings_of(settings)
    for name in names or known:
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


def rate(text: str) -> float:
    """The type of an option that says how often or how fast."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no rate; give a number above 0")
    return value


def width_and_height(text: str) -> tuple[int, int]:
    """The type of an option such as 320x240."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, such as 320x240")
    return int(width), int(height)


def at_least_one(text: str) -> int:
    """The type of an option that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value
