"""Twins in the graph: who came second, and until when."""

from __future__ import annotations

import pytest

from uio2_ros.nodes.name_watch import YOUNG_S, NameWatch, Standing

BRIDGE, CAMERA, OTHER = ("bridge", "/"), ("camera", "/"), ("bridge", "/other")


class Graph:
    """What one node sees, and its clock."""

    def __init__(self, *nodes: tuple[str, str], began_ns: int = 10**18) -> None:
        self.nodes = list(nodes)
        self.topics = ["/bridge/plan"]
        self.now_s = 0.0
        self.watch = NameWatch(
            "/bridge",
            lambda: self.nodes,
            lambda: self.topics,
            lambda: self.now_s,
            lambda: began_ns,
        )
        self.topics.append(self.watch.announcement)


def test_node_alone_of_its_name_has_no_twin() -> None:
    assert Graph(BRIDGE, CAMERA, OTHER).watch.look() is Standing.ALONE


def test_node_not_yet_in_its_own_graph_has_no_twin() -> None:
    assert Graph().watch.look() is Standing.ALONE


def test_who_meets_a_twin_soon_after_its_start_came_second_until_it_is_gone() -> None:
    graph = Graph(BRIDGE, BRIDGE)
    assert graph.watch.look() is Standing.SECOND
    graph.now_s = 10 * YOUNG_S
    assert graph.watch.look() is Standing.SECOND
    graph.nodes.pop()
    assert graph.watch.look() is Standing.ALONE


def test_who_was_there_before_stays_first() -> None:
    graph = Graph(BRIDGE)
    graph.watch.look()
    graph.now_s = YOUNG_S + 1.0
    graph.nodes.append(BRIDGE)
    assert graph.watch.look() is Standing.FIRST


@pytest.mark.parametrize("namespace", ["/", "/left/arm"])
def test_name_is_compared_with_its_namespace(namespace: str) -> None:
    name = f"{namespace.rstrip('/')}/bridge"
    nodes = [("bridge", namespace), ("bridge", namespace), ("bridge", "/elsewhere")]
    assert NameWatch(name, lambda: nodes, list, lambda: 0.0).look() is Standing.SECOND


def test_of_two_that_were_alone_for_long_the_older_stays_first() -> None:
    """As when two networks are joined: exactly one goes on."""
    older, younger = Graph(BRIDGE), Graph(BRIDGE, began_ns=10**18 + 1)
    for graph in (older, younger):
        graph.now_s = 10 * YOUNG_S
        assert graph.watch.look() is Standing.ALONE
        graph.nodes.append(BRIDGE)
        graph.topics = [*older.topics, *younger.topics, "/arm/bridge/_began/t0"]
    assert older.watch.look() is Standing.FIRST
    assert younger.watch.look() is Standing.SECOND
    older.nodes.pop()
    assert older.watch.look() is Standing.ALONE
