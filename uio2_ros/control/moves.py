"""Discrete moves of a base, such as 0.25 m forward or 10 degrees to the left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from uio2_ros.control.axes import SLOTS, slot_of
from uio2_ros.control.commands import Command, TwistCommand, TwistRole
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.motion import Motion, PlanProgress
from uio2_ros.control.settings import SpeedSettings
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.poses import Pose2D, Pose3D

Displacement = tuple[float, ...]
"""Six numbers: metres along x, y, z and radians about x, y, z of the frame."""


def displacement(space: ActionSpace, action: str) -> Displacement:
    """What a discrete action of the space stands for; KeyError if there is no such action."""
    moved = [0.0] * SLOTS
    values = space.action(action).values
    for dimension, value in zip(space.dimensions, values, strict=True):
        moved[slot_of(dimension)] += value
    return tuple(moved)


def destination(moves: Sequence[Displacement]) -> Pose2D:
    """Where a base is after moves on the plane, in the frame it started from."""
    x = y = yaw = 0.0
    for forward, left, _, _, _, turn in moves:
        x += forward * math.cos(yaw) - left * math.sin(yaw)
        y += forward * math.sin(yaw) + left * math.cos(yaw)
        yaw += turn
    return Pose2D(x, y, math.remainder(yaw, 2 * math.pi))


@dataclass(frozen=True)
class _Ramp:
    """The way of a move over time: faster, at full speed, slower."""

    distance: float
    speed: float
    acceleration: float

    @property
    def duration_s(self) -> float:
        return 2 * self._ramp_s + self._level_s

    @property
    def _ramp_s(self) -> float:
        return min(self.speed / self.acceleration, math.sqrt(self.distance / self.acceleration))

    @property
    def _level_s(self) -> float:
        ramps = self.acceleration * self._ramp_s**2
        return max(self.distance - ramps, 0.0) / self.speed

    def fraction(self, time_s: float) -> float:
        """How much of the way is behind after `time_s`."""
        if time_s >= self.duration_s:
            return 1.0
        ramp_s, level_s = self._ramp_s, self._level_s
        rising_s = min(max(time_s, 0.0), ramp_s)
        level = min(max(time_s - ramp_s, 0.0), level_s)
        falling_s = max(time_s - ramp_s - level_s, 0.0)
        top = self.acceleration * ramp_s
        travelled = self.acceleration * rising_s**2 / 2 + top * level
        travelled += top * falling_s - self.acceleration * falling_s**2 / 2
        return travelled / self.distance


class TimedMoves(Motion):
    """Moves as velocities that last as long as the moves take. There is no odometry in it.

    Each period gets its mean velocity, so that the periods add up to the move. turned: the pose
    of the moves' frame in the frame of the twists.
    """

    goes_over: ClassVar[bool] = True
    drives = True

    def __init__(
        self,
        moves: Sequence[Displacement],
        period_s: float,
        speed: SpeedSettings,
        *,
        frame_id: str,
        turned: Pose3D,
        engagement: Engagement,
    ) -> None:
        self._engagement = engagement
        self._moves = moves
        self._ramps = [_ramp(move, speed) for move in moves]
        self._begin_s: float | None = None  # of the first period
        self._period_s = period_s
        self._frame_id = frame_id
        self._turned = turned

    def commands(self, now_s: float) -> Sequence[Command]:
        """The velocity from now to the end of the period."""
        velocity = [0.0] * SLOTS
        if self._begin_s is None:
            self._begin_s = now_s
        from_s, to_s = self._elapsed_s(now_s), self._elapsed_s(now_s + self._period_s)
        begin_s = 0.0
        for move, ramp in zip(self._moves, self._ramps, strict=True):
            part = ramp.fraction(to_s - begin_s) - ramp.fraction(from_s - begin_s)
            for slot in range(SLOTS):
                velocity[slot] += move[slot] * part / self._period_s
            begin_s += ramp.duration_s
        return [self._twist(velocity)]

    def progress(self, now_s: float) -> PlanProgress:
        elapsed_s = self._elapsed_s(now_s)
        step, steps = 0, len(self._ramps)
        total_s = sum(ramp.duration_s for ramp in self._ramps)
        end_s = 0.0
        for ramp in self._ramps:
            end_s += ramp.duration_s
            step += elapsed_s >= end_s
        done = elapsed_s >= total_s
        return PlanProgress(
            min(step, steps - 1), steps, elapsed_s / total_s if not done else 1.0, done
        )

    def finish_step(self, now_s: float) -> bool:
        """The move under way comes to rest as it would have."""
        if self._begin_s is None:
            return False
        begun = self.progress(now_s).step + 1
        self._moves, self._ramps = self._moves[:begun], self._ramps[:begun]
        return True

    def _elapsed_s(self, now_s: float) -> float:
        """How far the moves are, in seconds of their own: fewer while they are blended in."""
        begin_s = now_s if self._begin_s is None else self._begin_s
        return self._engagement.lasted_s(begin_s, now_s)

    def _twist(self, velocity: Sequence[float]) -> TwistCommand:
        x, y, z, roll, pitch, yaw = velocity
        linear, angular = self._turned.turn((x, y, z)), self._turned.turn((roll, pitch, yaw))
        return TwistCommand(TwistRole.BASE, self._frame_id, linear, angular)


def _ramp(move: Displacement, speed: SpeedSettings) -> _Ramp:
    """The slower of the way and the turn."""
    way, turn = math.hypot(*move[:3]), math.hypot(*move[3:])
    ramps = (
        _Ramp(max(way, 1e-9), speed.linear, speed.linear_acceleration),
        _Ramp(max(turn, 1e-9), speed.angular, speed.angular_acceleration),
    )
    return max(ramps, key=lambda ramp: ramp.duration_s)
