"""The trees in BehaviorTree.CPP 4 itself, with nodes that answer what a test says.

behaviortreepy cannot declare ports. So they are taken off the nodes, which read and write the
blackboard entries that the file names.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

bt = pytest.importorskip(
    "behaviortreepy", reason="BehaviorTree.CPP 4 has wheels for x86-64 Linux and Python 3.8 to 3.13"
)

FOLDER = Path(__file__).parents[2] / "behavior_trees"
ACTIONS = ("Instruct", "ExecutePlan", "WaitUntilSeen")
OWN = (*ACTIONS, "ClearHistory", "MarkTime", "PictureAfter")
HASTE = 50
"""Delays of the files are divided by it."""
TIMEOUT_S = 0.05
"""Of a node that never ends."""


class Stage:
    """A tree, what its nodes are to do, and what they did."""

    def __init__(self, file: str, *verdicts: str, endless: str = "") -> None:
        """verdicts: what checks are answered, in turn; endless: the node that never ends."""
        self.done: list[str] = []
        self.plans: list[str] = []
        self.halted = False
        self._verdicts = list(verdicts)
        self._endless = endless
        self._is_stuck = False
        self._ports: dict[str, Element] = {}
        factory = bt.BehaviorTreeFactory()
        for kind in ACTIONS:
            factory.register_simple_stateful_action(kind, self._start, self._go_on, self._halt)
        factory.register_simple_action("ClearHistory", self._succeed)
        factory.register_simple_action("MarkTime", self._succeed)
        factory.register_simple_condition("PictureAfter", self._succeed)
        document = ElementTree.parse(FOLDER / file).getroot()
        for element in document.iter():
            self._prepare(element)
        factory.register_behavior_tree_from_text(ElementTree.tostring(document, "unicode"))
        blackboard = bt.Blackboard.create()
        blackboard.set_string("instruction", "put the spoon into the cup")
        blackboard.set_string("check", "is the spoon in the cup?")
        blackboard.set_string("object", "the spoon")
        self.tree = factory.create_tree(document.get("main_tree_to_execute"), blackboard)

    def run(self) -> str:
        """SUCCESS or FAILURE.

        No tick while a Timeout is due: it halts on a thread of its own, which needs the interpreter
        and keeps a lock that the tick needs.
        """
        while (status := self.tree.tick_exactly_once()) == bt.NodeStatus.RUNNING:
            time.sleep(10 * TIMEOUT_S if self._is_stuck else 0.001)
            self._is_stuck = False
        return str(status.name)

    def _prepare(self, element: Element) -> None:
        if "delay_msec" in element.attrib:
            element.set("delay_msec", str(int(element.attrib["delay_msec"]) // HASTE))
        if element.tag == "Timeout" and element[0].get("name") == self._endless:
            element.set("msec", str(round(1000 * TIMEOUT_S)))
        if element.tag in OWN:
            name = element.get("name", element.tag)
            self._ports[name] = Element(element.tag, element.attrib)
            element.attrib.clear()
            element.set("name", name)

    def _succeed(self, node: Any) -> Any:
        self.done.append(node.name())
        return bt.NodeStatus.SUCCESS

    def _start(self, node: Any) -> Any:
        self._is_stuck = node.name() == self._endless
        return bt.NodeStatus.RUNNING

    def _go_on(self, node: Any) -> Any:
        ports = self._ports[node.name()]
        entry = self._entry_of(node, ports)
        if ports.tag == "WaitUntilSeen":
            entry("detections")(f"{entry('instruction')()} in a box")
        elif ports.tag == "ExecutePlan":
            self.plans.append(entry("plan")())
        elif ports.get("task") == "vqa":
            entry("text")(self._verdicts.pop(0))
        else:
            entry("plan")(f"the plan of {node.name()} for: {entry('instruction')()}")
        return self._succeed(node)

    def _entry_of(self, node: Any, ports: Element) -> Callable[[str], Callable[..., Any]]:
        blackboard = node.config().blackboard

        def entry(port: str) -> Callable[..., Any]:
            named = re.fullmatch(r"\{(\w+)\}", ports.get(port, ""))
            assert named, f"{port} of {node.name()} names no entry"

            def access(*value: str) -> Any:
                if value:
                    return blackboard.set_string(named[1], *value)
                return blackboard.get_string(named[1])

            return access

        return entry

    def _halt(self, *_: Any) -> None:
        self.halted = True


LOOK = ["MarkTime", "PictureAfter"]
TRY = [*LOOK, "plan", "pick and place", *LOOK, "ask"]


def test_pick_and_place_looks_plans_acts_looks_again_and_asks() -> None:
    stage = Stage("pick_and_place.xml", "yes")
    assert stage.run() == "SUCCESS"
    assert stage.done == TRY
    assert stage.plans == ["the plan of plan for: put the spoon into the cup"]


def test_pick_and_place_is_tried_again_with_its_history_cleared_and_then_given_up() -> None:
    stage = Stage("pick_and_place.xml", "no", "no", "no")
    assert stage.run() == "FAILURE"
    assert stage.done == [*TRY, "forget what it saw"] * 3


def test_pick_and_place_succeeds_at_the_second_try() -> None:
    stage = Stage("pick_and_place.xml", "no", "yes")
    assert stage.run() == "SUCCESS"
    assert stage.done == [*TRY, "forget what it saw", *TRY]


@pytest.mark.parametrize(("endless", "before"), [("plan", LOOK), ("pick and place", TRY[:3])])
def test_goal_that_does_not_end_is_ended_by_its_timeout(endless: str, before: list[str]) -> None:
    stage = Stage("pick_and_place.xml", endless=endless)
    assert stage.run() == "FAILURE"
    assert stage.halted
    assert stage.done == [*before, "forget what it saw"] * 3


def test_go_there_moves_until_the_check_is_answered_with_yes() -> None:
    stage = Stage("go_there.xml", "no", "no", "yes")
    assert stage.run() == "SUCCESS"
    move = [*LOOK, "ask", "next move", "drive"]
    assert stage.done == [*move, *move, *LOOK, "ask"]
    assert len(stage.plans) == 2


def test_pick_when_seen_acts_once_it_is_seen() -> None:
    stage = Stage("pick_when_seen.xml")
    assert stage.run() == "SUCCESS"
    assert stage.done == ["wait for it", "plan", "pick and place"]


def test_pick_when_seen_does_not_act_on_what_never_comes() -> None:
    stage = Stage("pick_when_seen.xml", endless="wait for it")
    assert stage.run() == "FAILURE"
    assert stage.halted
    assert stage.done == []


def test_tree_that_is_halted_halts_the_goal_under_way() -> None:
    stage = Stage("pick_and_place.xml")
    while "PictureAfter" not in stage.done:
        stage.tree.tick_exactly_once()
        time.sleep(0.001)
    assert "plan" not in stage.done  # it has begun
    stage.tree.halt_tree()
    assert stage.halted
