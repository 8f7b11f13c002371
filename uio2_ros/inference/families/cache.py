"""What was computed lately, by name, so that it is computed once however often it is used."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """The `capacity` most recently used values by name. For one thread."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a cache needs a capacity of at least 1, got {capacity}")
        self._capacity = capacity
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._values

    def get(self, name: Hashable) -> Value | None:
        """The value, which becomes the most recently used; None if it is not there."""
        if name in self._values:
            self._values.move_to_end(name)
        return self._values.get(name)

    def put(self, name: Hashable, value: Value) -> None:
        """Add a value; the least recently used one goes when there are too many."""
        self._values[name] = value
        self._values.move_to_end(name)
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)

    def get_or(self, name: Hashable, make: Callable[[], Value]) -> Value:
        """The value, made and added if it is not there."""
        held = self.get(name)
        if held is None:
            held = make()
            self.put(name, held)
        return held

    def clear(self) -> None:
        self._values.clear()
