"""Action chunks in time: what overlapping chunks of steps say at one moment.

A chunk is right from its origin on: steps whose time has passed are dropped, and a chunk that
comes while another is carried out is blended with it, so that commands do not jump.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from uio2_ros.control.axes import Array, Axes
from uio2_ros.control.settings import Blend, BlendSettings

MOST_CHUNKS = 16
"""Overlapping chunks kept; one answer a second over chunks of 10 s needs 10."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Steps in time, seconds on the clock. msg/ActionStep.msg says what a step's time means.

    ends_s (N,) rise: when each step is over; values (N, D). A step begins where the one before it
    ends: positions move in a straight line until then, the first from `start`, where the axes are
    at origin_s; velocities and levels hold until then, those of the first from begin_s on.
    """

    origin_s: float
    begin_s: float
    ends_s: Array
    values: Array
    start: Array | None = None
    """(D,) NaN where nobody knows: the axis goes to the first value at once; None: nowhere."""

    def __post_init__(self) -> None:
        if self.ends_s.shape != self.values.shape[:1] or not len(self.ends_s):
            raise ValueError(f"{self.ends_s.shape} times for values {self.values.shape}")
        if (self.lengths_s <= 0).any():
            raise ValueError(f"the times {self.begin_s}, {self.ends_s} do not rise")

    @property
    def end_s(self) -> float:
        """When the last step is over."""
        return float(self.ends_s[-1])

    @property
    def lengths_s(self) -> Array:
        """(N,) how long each step holds."""
        lengths_s: Array = np.diff([self.begin_s, *self.ends_s])
        return lengths_s

    def later(self, by_s: float) -> Chunk:
        """The same, that much later."""
        return replace(
            self,
            origin_s=self.origin_s + by_s,
            begin_s=self.begin_s + by_s,
            ends_s=self.ends_s + by_s,
        )

    def passed(self, now_s: float) -> int:
        """How many steps are over."""
        return int(np.count_nonzero(self.ends_s <= now_s))

    def rest(self, now_s: float) -> Chunk:
        """The steps that are not over; ValueError if all are."""
        passed = self.passed(now_s)
        begin_s = float(self.ends_s[passed - 1]) if passed else self.begin_s
        return replace(
            self, begin_s=begin_s, ends_s=self.ends_s[passed:], values=self.values[passed:]
        )

    def over(self, from_s: float, to_s: float, axes: Axes) -> Array:
        """(D,) for a period: the mean of velocities; positions and levels at its end.

        After the end of the chunk positions and levels stay and velocities are 0. Levels are NaN
        before the first step begins.
        """
        begins_s = np.append(self.begin_s, self.ends_s[:-1])
        shared_s = np.minimum(self.ends_s, to_s) - np.maximum(begins_s, from_s)  # (N,)
        mean = np.maximum(shared_s, 0.0) @ self.values / (to_s - from_s)
        reached: Array = np.where(axes.has_levels, self._level(to_s), self._position(to_s, axes))
        return np.where(axes.is_velocity, mean, reached)

    def _position(self, time_s: float, axes: Axes) -> Array:
        step = int(np.searchsorted(self.ends_s, time_s))
        if step == len(self.ends_s):
            return np.array(self.values[-1])
        end_s, target = self.ends_s[step], self.values[step]
        start = np.full_like(target, np.nan) if self.start is None else self.start
        begin_s, begin = (
            (self.ends_s[step - 1], self.values[step - 1]) if step else (self.origin_s, start)
        )
        begin = np.where(np.isnan(begin), target, begin)
        fraction = 1.0 if time_s >= end_s else max((time_s - begin_s) / (end_s - begin_s), 0.0)
        moved: Array = begin + fraction * axes.way(begin, target)
        return moved

    def _level(self, time_s: float) -> Array:
        if time_s <= self.begin_s:
            return np.full(self.values.shape[1], np.nan)
        step = min(int(np.searchsorted(self.ends_s, time_s)), len(self.ends_s) - 1)
        return np.array(self.values[step])


class ChunkBlender:
    """The chunks under way. One thread."""

    def __init__(self, axes: Axes, settings: BlendSettings) -> None:
        self.axes = axes
        self._settings = settings
        self._chunks: deque[tuple[Chunk, float]] = deque(maxlen=MOST_CHUNKS)  # with arrivals

    def add(self, chunk: Chunk, now_s: float) -> None:
        """A newer chunk takes over, as the settings say."""
        if self._settings.mode is Blend.NONE:
            self._chunks.clear()
        self._chunks.append((chunk, now_s))

    def postpone(self, by_s: float) -> None:
        """The newest chunk is that much later."""
        chunk, arrival_s = self._chunks[-1]
        self._chunks[-1] = (chunk.later(by_s), arrival_s)

    @property
    def newest(self) -> Chunk:
        """The chunk that came last; IndexError before the first."""
        return self._chunks[-1][0]

    def over(self, from_s: float, to_s: float) -> Array:
        """(D,) what the chunks say of a period together. Always between what they say alone.

        Angles that go round are blended along the shorter way, and may leave [-pi, pi] in it.
        """
        if self._settings.mode is Blend.ENSEMBLE:
            blended = self._ensemble(from_s, to_s)
        else:
            blended = self._crossfade(from_s, to_s)
        newest = self.newest.over(from_s, to_s, self.axes)
        return np.where(self.axes.has_levels, newest, blended)

    def _crossfade(self, from_s: float, to_s: float) -> Array:
        (first, _), *later = self._chunks
        value = first.over(from_s, to_s, self.axes)
        for chunk, arrival_s in later:
            weight = self._weight(to_s - arrival_s)
            value = value + weight * self.axes.way(value, chunk.over(from_s, to_s, self.axes))
        return value

    def _weight(self, since_arrival_s: float) -> float:
        if since_arrival_s < 0:
            return 0.0
        duration_s = self._settings.duration_s
        return 1.0 if since_arrival_s >= duration_s else since_arrival_s / duration_s

    def _ensemble(self, from_s: float, to_s: float) -> Array:
        covering = [chunk for chunk, _ in self._chunks if to_s < chunk.end_s] or [self.newest]
        weights = np.exp(-self._settings.decay * np.arange(len(covering)))
        values = np.stack([chunk.over(from_s, to_s, self.axes) for chunk in covering])
        newest = values[-1]  # of (chunks, D)
        blended: Array = newest + weights @ self.axes.way(newest, values) / weights.sum()
        return blended
