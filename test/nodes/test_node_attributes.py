"""Our nodes leave rclpy's own attributes alone, private ones included, on every distribution."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

import uio2_ros.nodes

pytestmark = pytest.mark.ros

ROOM = Path(uio2_ros.nodes.__file__).parent
MODULES = sorted(
    "uio2_ros.nodes." + ".".join(path.relative_to(ROOM).with_suffix("").parts)
    for path in ROOM.rglob("*.py")
    if "Node" in path.read_text(encoding="utf-8") and path.name != "__init__.py"
)


def node_classes() -> Iterator[type[Node]]:
    for name in MODULES:
        module = importlib.import_module(name)
        for kind in vars(module).values():
            is_own = inspect.isclass(kind) and kind.__module__ == name
            if is_own and issubclass(kind, Node):
                yield kind


def assigned(kind: type[Node]) -> set[str]:
    """Names of attributes that the methods of a class assign to `self`."""
    tree = ast.parse(inspect.getsource(kind))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


@pytest.fixture(scope="module")
def taken() -> Iterator[set[str]]:
    """What a bare node has."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = LifecycleNode("bare", context=context)
    yield {*dir(node), *vars(node)}
    node.destroy_node()
    context.try_shutdown()


KINDS = list(node_classes())


def test_all_nodes_are_looked_at() -> None:
    found = {kind.__name__ for kind in KINDS}
    assert {"AgentNode", "BridgeNode", "CameraNode", "MicrophoneNode", "SimNode"} <= found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_node_assigns_nothing_that_is_rclpys(kind: type[Node], taken: set[str]) -> None:
    assert not assigned(kind) & taken
