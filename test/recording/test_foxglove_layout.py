"""The layout for Foxglove names nothing that the graph does not tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

CONFIG = Path(__file__).resolve().parents[2] / "config"
LAYOUT: dict[str, Any] = json.loads((CONFIG / "foxglove_layout.json").read_text("utf-8"))
PANELS = {
    "3D",
    "DiagnosticSummary",
    "Image",
    "Indicator",
    "Plot",
    "RawMessages",
    "StateTransitions",
}
"""Those of Foxglove that are used; what stands before "!" in a panel's id."""
MESSAGE_PATH = re.compile(r"(/[\w/]+)\.([\w.]+)$")


def strings(value: Any) -> Iterator[str]:
    """All texts of a configuration, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        return
    assert node["direction"] in ("row", "column")
    assert 0 < node["splitPercentage"] < 100
    yield from leaves(node["first"])
    yield from leaves(node["second"])


def published() -> set[str]:
    """What the shipped policy lets our nodes publish: it is compared with a running graph."""
    policy = Xml.fromstring((CONFIG / "sros2_policy.xml").read_text("utf-8"))
    groups = (one for one in policy.iter("topics") if one.get("publish"))
    return {str(topic.text) for group in groups for topic in group}


def test_every_panel_is_shown_once_and_is_one_of_foxgloves() -> None:
    assert {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"} == set(LAYOUT)
    assert sorted(leaves(LAYOUT["layout"])) == sorted(LAYOUT["configById"])
    assert {panel.partition("!")[0] for panel in LAYOUT["configById"]} == PANELS


def test_panels_have_the_same_title_in_both_programs() -> None:
    """Lichtblick, a fork of Foxglove Studio, knows titles by a key of its own."""
    for panel in LAYOUT["configById"].values():
        assert panel["foxglovePanelTitle"] == panel["lichtblickPanelTitle"] != ""


def test_every_topic_is_one_that_is_published() -> None:
    named = {text for text in strings(LAYOUT["configById"]) if text.startswith("/")}
    topics = {match[1] if (match := MESSAGE_PATH.match(text)) else text for text in named}
    assert len(topics) > 8
    assert topics - published() == set()


@pytest.mark.ros
def test_every_message_path_leads_to_a_field() -> None:
    pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
    from uio2_ros import msg

    kinds = {
        "/agent/result": msg.InstructionResult,
        "/agent/state": msg.AgentState,
        "/bridge/state": msg.AgentState,
    }
    paths = [text for text in strings(LAYOUT["configById"]) if MESSAGE_PATH.match(text)]
    assert len(paths) == 11
    for path in paths:
        topic, _, names = path.partition(".")
        value: Any = kinds[topic]()
        for name in names.split("."):
            value = getattr(value, name)


@pytest.mark.ros
def test_the_indicator_knows_every_state() -> None:
    pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
    from uio2_ros.robot.activity import Activity

    rules = LAYOUT["configById"]["Indicator!uio2state"]["rules"]
    told = {int(rule["rawValue"]): rule["label"] for rule in rules}
    assert told == {state.value: state.name.lower() for state in Activity}


@pytest.mark.parametrize(
    ("message", "field"), [("AgentState", "state"), ("InstructionResult", "error_code")]
)
def test_numbers_are_shown_with_their_names(message: str, field: str) -> None:
    """Foxglove takes constants for the names of the field that comes right after them."""
    text = (CONFIG.parent / "msg" / f"{message}.msg").read_text("utf-8")
    told = [line.split()[1] for line in text.splitlines() if line and not line.startswith("#")]
    last = max(index for index, name in enumerate(told) if "=" in name)
    assert told[last + 1] == field
