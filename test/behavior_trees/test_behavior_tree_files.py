"""The trees for BehaviorTree.CPP 4: well formed, of nodes that exist, with the ports they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "behavior_trees"
MODEL = FOLDER / "uio2_nodes.xml"
TREES = sorted(set(FOLDER.glob("*.xml")) - {MODEL})
GIVEN = {"instruction", "check", "object"}
"""Blackboard entries that exist before the first tick."""
ONE, SOME, NONE = range(1, 2), range(1, 1000), range(1)
BUILTIN = {
    "Sequence": (SOME, set()),
    "Fallback": (SOME, set()),
    "RetryUntilSuccessful": (ONE, {"num_attempts"}),
    "Timeout": (ONE, {"msec"}),
    "Delay": (ONE, {"delay_msec"}),
    "ForceFailure": (ONE, set()),
    "AlwaysSuccess": (NONE, set()),
    "ScriptCondition": (NONE, {"code"}),
    "SubTree": (NONE, {"ID"}),
}
"""Nodes of BehaviorTree.CPP 4 that the trees use: number of children, and ports."""


@dataclass(frozen=True)
class Node:
    """A node of the model."""

    inputs: dict[str, str | None]
    outputs: set[str]


def model() -> dict[str, Node]:
    root = ElementTree.parse(MODEL).getroot()
    nodes = {}
    for entry in root.findall("TreeNodesModel/*"):
        assert entry.tag in ("Action", "Condition")
        inputs = {port.get("name", ""): port.get("default") for port in entry.iter("input_port")}
        outputs = {port.get("name", "") for port in entry.iter("output_port")}
        assert all(port.get("type") for port in entry)
        nodes[entry.get("ID", "")] = Node(inputs, outputs)
    return nodes


def trees(path: Path) -> dict[str, Element]:
    root = ElementTree.parse(path).getroot()
    assert (root.tag, root.get("BTCPP_format")) == ("root", "4")
    found = {tree.get("ID", ""): tree for tree in root.findall("BehaviorTree")}
    assert root.get("main_tree_to_execute") in found
    return found


def nodes_of(path: Path) -> Iterator[Element]:
    for tree in trees(path).values():
        assert len(tree) == 1
        for element in tree.iter():
            if element is not tree:
                yield element


def fields(interface: str, part: int) -> set[str]:
    """Field names of a part (goal, result, feedback) of an interface of this package."""
    text = (REPOSITORY / interface).read_text().split("\n---\n")[part]
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    return {words[1] for words in lines if len(words) == 2 and "=" not in words[1]}


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_every_node_exists_and_has_its_ports(path: Path) -> None:
    known = model()
    for element in nodes_of(path):
        given = set(element.keys()) - {"name"}
        if element.tag in BUILTIN:
            children, ports = BUILTIN[element.tag]
            assert len(element) in children, element.tag
            assert given == ports, element.tag
            continue
        node = known[element.tag]
        assert len(element) == 0
        assert given <= set(node.inputs) | node.outputs, element.tag
        needed = {name for name, default in node.inputs.items() if default is None}
        assert needed <= given, element.tag


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_subtrees_exist_and_all_trees_are_used(path: Path) -> None:
    found = trees(path)
    used = {element.get("ID") for element in nodes_of(path) if element.tag == "SubTree"}
    main = ElementTree.parse(path).getroot().get("main_tree_to_execute")
    assert used | {main} == set(found)


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_blackboard_entries_are_written_before_they_are_read(path: Path) -> None:
    known = model()
    for tree in trees(path).values():
        written = set(GIVEN)
        for element in tree.iter():
            node = known.get(element.tag, Node({}, set()))
            for name, value in element.items():
                entry = re.fullmatch(r"\{(\w+)\}", value)
                if name in node.outputs:
                    assert entry, f"{name} of {element.tag} must name an entry"
                    written.add(entry[1])
                elif entry:
                    assert entry[1] in written, f"{entry[1]} is read before it is written"
            for word in re.findall(r"(\w+) ==", element.get("code", "")):
                assert word in written


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_a_timeout_leaves_its_server_time_to_say_why(path: Path) -> None:
    for element in nodes_of(path):
        for child in element if element.tag == "Timeout" else ():
            limit_s = float(child.get("for_at_most", child.get("timeout", "0")))
            assert int(element.get("msec", "0")) >= 1000 * limit_s + 1000
            assert limit_s > 0 or child.tag not in model(), "a goal without a limit of its own"


def test_ports_are_fields_of_the_interfaces() -> None:
    known = model()
    goal, result = fields("action/Instruct.action", 0), fields("msg/InstructionResult.msg", 0)
    assert set(known["Instruct"].inputs) == goal | {"action_name"}
    assert known["Instruct"].outputs <= result
    assert set(known["WaitUntilSeen"].inputs) == fields("action/Watch.action", 0) | {"action_name"}
    assert known["WaitUntilSeen"].outputs <= result
    goal, result = (fields("action/ExecutePlan.action", part) for part in (0, 1))
    assert set(known["ExecutePlan"].inputs) == goal | {"action_name"}
    assert known["ExecutePlan"].outputs == result


def test_every_node_of_the_model_is_used_and_documented() -> None:
    used = {element.tag for path in TREES for element in nodes_of(path)}
    documented = (REPOSITORY / "docs/behavior_trees.md").read_text()
    for name, node in model().items():
        assert name in used
        assert f"`{name}`" in documented
        for port in (*node.inputs, *node.outputs):
            assert f"`{port}`" in documented, f"{port} of {name}"
