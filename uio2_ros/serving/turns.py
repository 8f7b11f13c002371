"""Whose turn it is among several robots. Imports nothing of the package."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_URGENT = 3
"""Urgent things in a row while others wait, so that none waits for ever."""
MOST_ROBOTS = 1024
"""Names that are remembered; one that is forgotten counts as new."""


class Turns(Generic[T]):
    """What waits, each with the name of its robot. One thread at a time.

    Next is what is urgent, of the robot whose last turn is the longest ago, and of it the oldest.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[T, str, bool]] = []  # in the order in which it came
        self._served: OrderedDict[str, int] = OrderedDict()  # robot -> number of its last turn
        self._turn = 0
        self._urgent_in_a_row = 0

    def put(self, thing: T, robot: str = "", urgent: bool = False) -> None:
        """Lets a thing wait."""
        self._waiting.append((thing, robot, urgent))

    def peek(self) -> T | None:
        """What `take` would give; None if nothing waits."""
        return self._waiting[self._next()][0] if self._waiting else None

    def take(self) -> T:
        """What is next; IndexError if nothing waits."""
        if not self._waiting:
            raise IndexError("nothing waits")
        thing, robot, urgent = self._waiting.pop(self._next())
        self._turn += 1
        self._served[robot] = self._turn
        self._served.move_to_end(robot)
        if len(self._served) > MOST_ROBOTS:
            self._served.popitem(last=False)
        self._urgent_in_a_row = self._urgent_in_a_row + 1 if urgent else 0
        return thing

    def remove(self, thing: T) -> None:
        """Lets a thing wait no more; ValueError if it does not."""
        self._waiting.pop([one for one, _, _ in self._waiting].index(thing))

    def clear(self) -> None:
        """Lets nothing wait."""
        self._waiting.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[T]:
        return iter([thing for thing, _, _ in self._waiting])

    def _next(self) -> int:
        patient = self._urgent_in_a_row < MOST_URGENT
        wanted = any(urgent for _, _, urgent in self._waiting) and (
            patient or all(urgent for _, _, urgent in self._waiting)
        )
        places = [n for n, (_, _, urgent) in enumerate(self._waiting) if urgent is wanted]
        return min(places, key=lambda place: self._served.get(self._waiting[place][1], 0))
