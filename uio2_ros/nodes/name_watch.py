"""Whether a second node of the same name is in the graph: who is asked would be chance."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from rclpy.node import Node
from std_msgs.msg import Empty

YOUNG_S = 10.0
"""Discovery takes a second, on a busy machine several: who meets a twin so soon came second."""


ANNOUNCEMENTS = "/_began/"
"""Part of the names of topics that say when a node began; what follows is new at every start."""


class Standing(Enum):
    """Where a node stands among those of its name."""

    ALONE = "alone"
    FIRST = "first"
    SECOND = "second"


class NameWatch:
    """Looks for twins. One thread.

    Two that start together are both second, so that none of them acts; who was there alone for
    `YOUNG_S` stays first. Where two such meet, as when their networks are joined, the older is
    first by what both announce: the name of a hidden topic (`announcement`) that says when its node
    began. One that was killed is in the graph until DDS forgets it.
    """

    def __init__(
        self,
        name: str,
        names_and_namespaces: Callable[[], Sequence[tuple[str, str]]],
        topics: Callable[[], Iterable[str]],
        steady_s: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """name: fully qualified; names_and_namespaces: as `Node.get_node_names_and_namespaces`;
        topics: full names of those of the graph."""
        self._name = name
        self._names_and_namespaces = names_and_namespaces
        self._topics = topics
        self._steady_s = steady_s
        self._began_s = steady_s()
        self._prefix = f"{name}{ANNOUNCEMENTS}t"
        # of one width, so that the names are in the order of the times
        self.announcement = f"{self._prefix}{now_ns():020}_{secrets.token_hex(4)}"
        """The topic that the node is to have a publisher of."""
        self._is_second = False

    def look(self) -> Standing:
        """Looks at the graph now."""
        found = [f"{space.rstrip('/')}/{name}" for name, space in self._names_and_namespaces()]
        if found.count(self._name) <= 1:
            self._is_second = False
            return Standing.ALONE
        is_young = self._steady_s() - self._began_s < YOUNG_S
        self._is_second |= is_young or self._oldest < self.announcement
        return Standing.SECOND if self._is_second else Standing.FIRST

    @property
    def _oldest(self) -> str:
        announced = (topic for topic in self._topics() if topic.startswith(self._prefix))
        return min(announced, default=self.announcement)


def watch_name(node: Node) -> NameWatch:
    """The watch of a node's own name; what it announces is in the graph from now on."""
    watch = NameWatch(
        node.get_fully_qualified_name(),
        node.get_node_names_and_namespaces,
        lambda: (topic for topic, _ in node.get_topic_names_and_types()),
    )
    node.create_publisher(Empty, watch.announcement, 1)
    return watch
