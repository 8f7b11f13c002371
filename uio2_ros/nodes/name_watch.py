"""Whether a second node of the same name is in the graph: who is asked would be chance."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import Enum

YOUNG_S = 10.0
"""Discovery takes a second, on a busy machine several: who meets a twin so soon came second."""


class Standing(Enum):
    """Where a node stands among those of its name."""

    ALONE = "alone"
    FIRST = "first"
    SECOND = "second"


class NameWatch:
    """Looks for twins. One thread.

    Two that start together are both second, so that none of them acts; who was there alone for
    `YOUNG_S` stays first. One that was killed is in the graph until DDS forgets it.
    """

    def __init__(
        self,
        name: str,
        names_and_namespaces: Callable[[], Sequence[tuple[str, str]]],
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """name: fully qualified; names_and_namespaces: as `Node.get_node_names_and_namespaces`."""
        self._name = name
        self._names_and_namespaces = names_and_namespaces
        self._steady_s = steady_s
        self._began_s = steady_s()
        self._is_second = False

    def look(self) -> Standing:
        """Looks at the graph now."""
        found = [f"{space.rstrip('/')}/{name}" for name, space in self._names_and_namespaces()]
        if found.count(self._name) <= 1:
            self._is_second = False
            return Standing.ALONE
        self._is_second |= self._steady_s() - self._began_s < YOUNG_S
        return Standing.SECOND if self._is_second else Standing.FIRST
