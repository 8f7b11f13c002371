"""Commands that keep to speeds and accelerations, whatever they are to follow."""

from __future__ import annotations

import copy

import numpy as np

from uio2_ros.control.axes import Array, Axes

FORGETTING = 0.9
"""By which the longest period counts less, each period."""


class Limiter:
    """Follows targets within the range, speed and acceleration of each axis. One thread.

    A velocity is followed like a position: its speed is an acceleration. Levels jump. Of a relative
    motion the way is followed: none of it is lost to the limits, it only takes longer.
    """

    def __init__(self, axes: Axes, start: Array, period_s: float) -> None:
        """start: (D,) where each axis is; NaN where nobody knows: there the first target is."""
        self.axes = axes
        self._period_s = self._longest_s = period_s
        self.value: Array = np.where(axes.is_relative, 0.0, start.astype(float))
        """(D,) where each axis is; of relative motions: what they are ahead, - what is left."""
        self.speed = np.zeros_like(self.value)

    def follow(self, target: Array, scale: float = 1.0) -> Array:
        """(D,) the commands of the next period: velocities of relative motions, else values.

        target: where to be at its end; of relative motions: what is to be moved in it. scale: the
        part, 0 to 1, of the speeds and velocities that is allowed.
        """
        axes, period_s = self.axes, self._period_s
        is_rate = axes.is_velocity & ~axes.is_relative
        target = np.where(is_rate, np.clip(target, scale * axes.low, scale * axes.high), target)
        fastest = np.where(is_rate | np.isinf(axes.speed), axes.speed, scale * _finite(axes.speed))
        jumps = np.isnan(self.value) | axes.has_levels
        due = np.where(axes.is_relative, target, 0.0)
        target = np.where(axes.is_relative, 0.0, np.clip(target, axes.low, axes.high))
        value = np.where(jumps, target, self.value - due)
        distance = np.nan_to_num(axes.way(value, target))  # a level that nobody has told yet
        wanted = np.sign(distance) * self._braking(np.abs(distance))
        gain = axes.acceleration * period_s
        allowed = np.clip(wanted, self.speed - gain, self.speed + gain)
        self.speed = np.clip(allowed, -fastest, fastest)
        self.value = self._kept_in_range(value, value + self.speed * period_s)
        return np.where(axes.is_relative, self.speed, self.value)

    def lasted(self, elapsed_s: float) -> None:
        """For how long the last commands were in force, where periods are not exact.

        Relative motions brake for the longest of late: a way that is made up for in periods that
        are longer than expected would be overshot again and again.
        """
        extra_s = elapsed_s - self._period_s
        self.value += np.where(self.axes.is_relative, self.speed * extra_s, 0.0)
        self._longest_s = max(self._period_s, elapsed_s, FORGETTING * self._longest_s)

    def copy(self) -> Limiter:
        """One that goes on from here on its own."""
        return copy.deepcopy(self)

    def _braking(self, distance: Array) -> Array:
        """The most speed from which one can still stop within this distance.

        The speed v with v * period + v^2 / (2 * acceleration) = distance. As targets are within
        the range, braking for them is braking for its ends too.
        """
        acceleration = self.axes.acceleration
        period_s = np.where(self.axes.is_relative, self._longest_s, self._period_s)
        finite = np.where(np.isfinite(acceleration), acceleration, 1.0)
        slowing = finite * (np.sqrt(period_s**2 + 2 * distance / finite) - period_s)
        return np.where(np.isfinite(acceleration), slowing, distance / period_s)

    def _kept_in_range(self, before: Array, after: Array) -> Array:
        """Against rounding; who starts outside comes back at the speed allowed."""
        low, high = np.minimum(before, self.axes.low), np.maximum(before, self.axes.high)
        return np.clip(after, low, high)


def _finite(speed: Array) -> Array:
    return np.where(np.isinf(speed), 0.0, speed)
