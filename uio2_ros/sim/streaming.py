"""Motions that controllers' messages keep going: targets of the tool, velocities of the base."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np

from uio2_ros.sim.arm import ActionError, ToolPose
from uio2_ros.sim.sounds import PlayedSound
from uio2_ros.sim.spec import Place
from uio2_ros.sim.world import World

FASTEST_M_S, FASTEST_RAD_S = 1.0, 2.0
VELOCITY_COUNTS_S = 0.5
"""After this long without a new one the base stops, as with diff_drive_controller."""


class OngoingMotion(Protocol):
    """Something that goes on while time passes."""

    def check(self, world: World) -> None:
        """Raises ActionError where the robot of this world cannot do it."""

    def after(self, other: OngoingMotion | None, world: World) -> OngoingMotion:
        """This motion, where the other one was under way until now."""

    def step(self, world: World) -> bool:
        """Let one time step pass; False where the motion is over."""


@dataclass(frozen=True)
class Waypoint:
    """Where the tool is to be, `after_s` seconds after the motion began."""

    after_s: float
    pose: ToolPose


@dataclass
class Track:
    """The tool goes through poses in straight lines and stays at the last one."""

    waypoints: Sequence[Waypoint]
    _began_s: float = field(default=0.0, init=False)
    _from: ToolPose = field(default=(0.0, 0.0, 0.0, 0.0), init=False)

    def check(self, world: World) -> None:
        if world.scene.place is not Place.TABLE:
            raise ActionError("a room has a mobile base and no arm: send cmd_vel")
        if not self.waypoints:
            raise ActionError("a trajectory without points goes nowhere")
        times_s = [0.0, *(point.after_s for point in self.waypoints)]
        if any(not early < late for early, late in pairwise(times_s)):
            raise ActionError(f"the times of the points do not rise from 0: {times_s[1:]} s")
        for point in self.waypoints:
            world.arm.check(point.pose)

    def after(self, other: OngoingMotion | None, world: World) -> OngoingMotion:
        del other
        self._began_s, self._from = world.time_s, world.arm.aim
        return self

    def step(self, world: World) -> bool:
        passed_s = world.time_s - self._began_s
        target = self._target(passed_s)
        world.arm.track(target)
        is_there = np.allclose(world.arm.aim[:3], target[:3], atol=1e-4)
        return passed_s < self.waypoints[-1].after_s or not is_there

    def _target(self, passed_s: float) -> ToolPose:
        times_s = [0.0, *(point.after_s for point in self.waypoints)]
        poses = np.array([self._from, *(point.pose for point in self.waypoints)])
        poses[:, 3] = np.unwrap(poses[:, 3])
        x, y, z, yaw = (float(np.interp(passed_s, times_s, column)) for column in poses.T)
        return x, y, z, yaw


@dataclass
class BaseVelocity:
    """The base moves at velocities for a while."""

    forward_m_s: float
    turn_rad_s: float
    sound: PlayedSound | None = field(default=None, init=False)
    _until_s: float = field(default=0.0, init=False)

    def check(self, world: World) -> None:
        if world.scene.place is not Place.ROOM:
            raise ActionError("a table has an arm and no base: send pick_pose and place_pose")
        if not (math.isfinite(self.forward_m_s) and math.isfinite(self.turn_rad_s)):
            raise ActionError(f"velocities must be finite, got {self}")
        if abs(self.forward_m_s) > FASTEST_M_S or abs(self.turn_rad_s) > FASTEST_RAD_S:
            raise ActionError(
                f"{self.forward_m_s:g} m/s and {self.turn_rad_s:g} rad/s are too fast; the base "
                f"does {FASTEST_M_S:g} m/s and {FASTEST_RAD_S:g} rad/s"
            )

    def after(self, other: OngoingMotion | None, world: World) -> OngoingMotion:
        self._until_s = world.time_s + VELOCITY_COUNTS_S
        heard = other.sound if isinstance(other, BaseVelocity) else None
        sounds, moves = world.physics.sounds, bool(self.forward_m_s or self.turn_rad_s)
        if heard is not None:
            heard = sounds.end(heard, self._until_s if moves else world.time_s)
        elif moves:
            name = "drive" if self.forward_m_s else "turn"
            heard = sounds.play(name, world.time_s, VELOCITY_COUNTS_S)
        self.sound = heard if moves else None
        return self

    def step(self, world: World) -> bool:
        goes_on = world.time_s < self._until_s
        if goes_on:
            world.base.roll(self.forward_m_s, self.turn_rad_s)
        else:
            world.base.roll(0.0, 0.0)
        return goes_on
