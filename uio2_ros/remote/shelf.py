"""Pictures that travel once: both ends of a connection know which are still there."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Things by key, of which those unused for the longest go when the bytes are too many.

    Two shelves of the same size on which the same is put and found in the same order hold the same.
    So the sender of pictures knows what the receiver has without asking.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._things: OrderedDict[int, tuple[int, T]] = OrderedDict()
        self._bytes = 0

    def copy(self) -> Shelf[T]:
        """One that holds the same, and does not change with this one."""
        other: Shelf[T] = Shelf(self._most_bytes)
        other._things, other._bytes = self._things.copy(), self._bytes
        return other

    def put(self, key: int, size: int, thing: T) -> None:
        """Keeps a thing of `size` bytes; one that is larger than the shelf is not kept."""
        self._bytes += size - self._things.pop(key, (0, thing))[0]
        self._things[key] = size, thing
        while self._bytes > self._most_bytes:
            self._bytes -= self._things.popitem(last=False)[1][0]

    def find(self, key: int) -> T | None:
        """The thing of a key, which was used now; None if it is not there."""
        if key not in self._things:
            return None
        self._things.move_to_end(key)
        return self._things[key][1]
