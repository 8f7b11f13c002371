"""Blend-in: after the start and after each stop, speeds rise from 0 to what is allowed."""

from __future__ import annotations


class Engagement:
    """Since when the robot is moved by plans without a stop between. One thread."""

    def __init__(self, blend_in_s: float) -> None:
        self._blend_in_s = blend_in_s
        self._begin_s: float | None = None

    def begin(self, now_s: float) -> None:
        """Plans take over, unless they have already."""
        if self._begin_s is None:
            self._begin_s = now_s

    def end(self) -> None:
        """The robot was stopped, or is somebody else's."""
        self._begin_s = None

    def scale(self, time_s: float) -> float:
        """0 to 1: the part of the allowed speeds that is allowed now."""
        if self._blend_in_s <= 0:
            return 1.0
        begin_s = time_s if self._begin_s is None else self._begin_s
        return min(max((time_s - begin_s) / self._blend_in_s, 0.0), 1.0)

    def lasted_s(self, from_s: float, to_s: float) -> float:
        """The integral of `scale`: how far a motion that slows down by it gets meanwhile."""
        if self._blend_in_s <= 0:
            return to_s - from_s
        return self._integral(to_s) - self._integral(from_s)

    def _integral(self, time_s: float) -> float:
        begin_s = time_s if self._begin_s is None else self._begin_s
        since_s = max(time_s - begin_s, 0.0)
        if since_s < self._blend_in_s:
            return since_s**2 / (2 * self._blend_in_s)
        return since_s - self._blend_in_s / 2
