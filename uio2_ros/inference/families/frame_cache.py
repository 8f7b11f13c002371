"""Resampled history frames by name, so that a frame is encoded once however often it is used."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor


class FrameCache:
    """The `capacity` most recently used frames (L, E) by key. For one thread."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a frame cache needs a capacity of at least 1, got {capacity}")
        self._capacity = capacity
        self._frames: OrderedDict[int, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, key: int) -> bool:
        return key in self._frames

    def get(self, key: int) -> Tensor | None:
        """The frame, which becomes the most recently used; None if it is not there."""
        if key in self._frames:
            self._frames.move_to_end(key)
        return self._frames.get(key)

    def put(self, key: int, frame: Tensor) -> None:
        """Add a frame; the least recently used one goes when there are too many."""
        self._frames[key] = frame
        self._frames.move_to_end(key)
        if len(self._frames) > self._capacity:
            self._frames.popitem(last=False)

    def clear(self) -> None:
        self._frames.clear()
