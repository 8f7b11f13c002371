"""Commands that keep to speeds and accelerations, whatever they are to follow."""

from __future__ import annotations

import copy

import numpy as np

from uio2_ros.control.axes import Array, Axes


class Limiter:
    """Follows targets within the range, speed and acceleration of each axis. One thread.

    A velocity is followed like a position: its speed is an acceleration. Levels jump.
    """

    def __init__(self, axes: Axes, start: Array, period_s: float) -> None:
        """start: (D,) where each axis is; NaN where nobody knows: there the first target is."""
        self._axes = axes
        self._period_s = period_s
        self.value: Array = start.astype(float)
        self.speed = np.zeros_like(self.value)

    def follow(self, target: Array) -> Array:
        """(D,) the values one period later."""
        axes, period_s = self._axes, self._period_s
        target = np.clip(target, axes.low, axes.high)
        jumps = np.isnan(self.value) | axes.has_levels
        value = np.where(jumps, target, self.value)
        distance = axes.way(value, target)
        wanted = np.sign(distance) * self._braking(np.abs(distance))
        gain = axes.acceleration * period_s
        allowed = np.clip(wanted, self.speed - gain, self.speed + gain)
        self.speed = np.clip(allowed, -axes.speed, axes.speed)
        self.value = self._kept_in_range(value, value + self.speed * period_s)
        return np.array(self.value)

    def copy(self) -> Limiter:
        """One that goes on from here on its own."""
        return copy.deepcopy(self)

    def _braking(self, distance: Array) -> Array:
        """The most speed from which one can still stop within this distance.

        The speed v with v * period + v^2 / (2 * acceleration) = distance. As targets are within
        the range, braking for them is braking for its ends too.
        """
        period_s, acceleration = self._period_s, self._axes.acceleration
        finite = np.where(np.isfinite(acceleration), acceleration, 1.0)
        slowing = finite * (np.sqrt(period_s**2 + 2 * distance / finite) - period_s)
        return np.where(np.isfinite(acceleration), slowing, distance / period_s)

    def _kept_in_range(self, before: Array, after: Array) -> Array:
        """Against rounding; who starts outside comes back at the speed allowed."""
        low, high = np.minimum(before, self._axes.low), np.maximum(before, self._axes.high)
        return np.clip(after, low, high)
