"""Action chunks in time: what overlapping chunks of steps say at one moment.

A chunk is right from its origin on: steps whose time has passed are dropped, and a chunk that
comes while another is carried out is blended with it, so that commands do not jump.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from uio2_ros.control.axes import Array, Axes
from uio2_ros.control.settings import Blend, BlendSettings

MOST_CHUNKS = 16
"""Overlapping chunks kept; one answer a second over chunks of 10 s needs 10."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Steps in time. times_s (N,) rise, seconds on the clock; values (N, D); the last step lasts
    until end_s."""

    times_s: Array
    values: Array
    end_s: float

    def __post_init__(self) -> None:
        if self.times_s.shape != self.values.shape[:1] or not len(self.times_s):
            raise ValueError(f"{self.times_s.shape} times for values {self.values.shape}")
        if (np.diff(self.times_s) <= 0).any() or self.end_s <= self.times_s[-1]:
            raise ValueError(f"the times {self.times_s} to {self.end_s} do not rise")

    def passed(self, now_s: float) -> int:
        """How many steps are over."""
        return int(np.count_nonzero(np.append(self.times_s[1:], self.end_s) <= now_s))

    def at(self, time_s: float, axes: Axes) -> Array:
        """(D,) values at a moment.

        Positions move in a straight line from step to step; velocities and levels are those of
        the step. After the end positions stay and velocities are 0.
        """
        step = max(int(np.searchsorted(self.times_s, time_s, side="right")) - 1, 0)
        current = self.values[step]
        if time_s >= self.end_s:
            return np.where(axes.is_velocity, 0.0, current)
        if step + 1 == len(self.times_s):
            return np.array(current)
        begin_s, next_s = self.times_s[step : step + 2]
        fraction = min(max((time_s - begin_s) / (next_s - begin_s), 0.0), 1.0)
        moved = current + fraction * axes.way(current, self.values[step + 1])
        held: Array = np.where(axes.is_velocity | axes.has_levels, current, moved)
        return held


class ChunkBlender:
    """The chunks under way. One thread."""

    def __init__(self, axes: Axes, settings: BlendSettings) -> None:
        self._axes = axes
        self._settings = settings
        self._chunks: deque[tuple[Chunk, float]] = deque(maxlen=MOST_CHUNKS)  # with arrivals

    def add(self, chunk: Chunk, now_s: float) -> None:
        """A newer chunk takes over, as the settings say."""
        if self._settings.mode is Blend.NONE:
            self._chunks.clear()
        self._chunks.append((chunk, now_s))

    @property
    def newest(self) -> Chunk:
        """The chunk that came last; IndexError before the first."""
        return self._chunks[-1][0]

    def at(self, time_s: float) -> Array:
        """(D,) what the chunks say together. Always between what they say alone.

        Angles that go round are blended along the shorter way, and may leave [-pi, pi] in it.
        """
        if self._settings.mode is Blend.ENSEMBLE:
            blended = self._ensemble(time_s)
        else:
            blended = self._crossfade(time_s)
        return np.where(self._axes.has_levels, self.newest.at(time_s, self._axes), blended)

    def _crossfade(self, time_s: float) -> Array:
        (first, _), *later = self._chunks
        value = first.at(time_s, self._axes)
        for chunk, arrival_s in later:
            weight = self._weight(time_s - arrival_s)
            value = value + weight * self._axes.way(value, chunk.at(time_s, self._axes))
        return value

    def _weight(self, since_arrival_s: float) -> float:
        if since_arrival_s >= self._settings.duration_s:
            return 1.0
        return max(since_arrival_s, 0.0) / self._settings.duration_s

    def _ensemble(self, time_s: float) -> Array:
        covering = [chunk for chunk, _ in self._chunks if time_s < chunk.end_s] or [self.newest]
        weights = np.exp(-self._settings.decay * np.arange(len(covering)))
        values = np.stack([chunk.at(time_s, self._axes) for chunk in covering])  # (chunks, D)
        newest = values[-1]
        blended: Array = newest + weights @ self._axes.way(newest, values) / weights.sum()
        return blended
