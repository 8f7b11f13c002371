"""The bridge's parameters, where they are written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from uio2_ros.control import Cause
from uio2_ros.nodes.bridge.parameters import PARAMETERS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "controllers.md").read_text(encoding="utf-8")


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_is_documented_as_it_is(name: str) -> None:
    parameter = PARAMETERS[name]
    is_flag = isinstance(parameter.default, bool)
    shown = str(parameter.default).lower() if is_flag else str(parameter.default)
    default = f"`{shown}`" if shown else ""
    assert f"| `{name}` | {default} | {parameter.description} |" in PAGE


def test_parameter_file_shows_the_defaults() -> None:
    document = yaml.safe_load((ROOT / "config" / "agent.yaml").read_text(encoding="utf-8"))
    shown = dict(flat(document["/**"]["bridge"]["ros__parameters"]))
    assert shown == {name: PARAMETERS[name].default for name in shown}


def test_page_names_every_cause() -> None:
    assert [cause.name for cause in Cause if cause > Cause.UNKNOWN and cause.name not in PAGE] == []
