"""The mobile base in the room: moves by a distance and an angle, as PointNav actions do."""

from __future__ import annotations

import math

import numpy as np

from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim.arm import ROUNDED_DIGITS, ActionError
from uio2_ros.sim.model import BASE_JOINTS, TIMESTEP_S
from uio2_ros.sim.mujoco_egl import mujoco
from uio2_ros.sim.physics import Physics
from uio2_ros.sim.spec import ObjectPose

DRIVE_M_S = 0.5
TURN_RAD_S = 1.0
SETTLE_S = 0.2
MOST_LAG = 0.1  # m and rad that a base which is blocked may be behind where it should be
DIMENSIONS = ("forward", "turn")
STOP = "stop"


class Base:
    """Carries out DISCRETE steps whose values are forward (m) and turn (rad, positive left)."""

    def __init__(self, physics: Physics, start: ObjectPose) -> None:
        self._physics = physics
        joints = [physics.model.joint(name) for name in BASE_JOINTS]
        self._places = [int(joint.qposadr[0]) for joint in joints]
        self._speeds = [int(joint.dofadr[0]) for joint in joints]
        self._servos = [int(physics.model.actuator(name).id) for name in BASE_JOINTS]
        self._stopped = False
        physics.data.qpos[self._places] = (start.x, start.y, start.yaw)
        physics.data.ctrl[self._servos] = (start.x, start.y, start.yaw)
        mujoco.mj_forward(physics.model, physics.data)

    @property
    def pose(self) -> Pose2D:
        """Where the base is on the floor."""
        x, y, yaw = self._physics.data.qpos[self._places].tolist()
        return Pose2D(x, y, yaw)

    @property
    def velocity(self) -> tuple[float, float]:
        """m/s forward and rad/s to the left."""
        east, north, turn = self._physics.data.qvel[self._speeds].tolist()
        yaw = self.pose.yaw
        return east * math.cos(yaw) + north * math.sin(yaw), turn

    @property
    def stopped(self) -> bool:
        """Whether the last step was to stop: the base says that it has arrived."""
        return self._stopped

    def execute(self, step: Step) -> None:
        """Carry out one step. Raises ActionError for one of another robot."""
        if step.kind is not ActionKind.DISCRETE or step.dimension_names != DIMENSIONS:
            raise ActionError(
                f"the base does discrete steps of {' and '.join(DIMENSIONS)}, and {step.name!r} "
                f"has {step.dimension_names}: use the action space pointnav"
            )
        forward_m, turn_rad = (round(value, ROUNDED_DIGITS) for value in step.values)
        if not (math.isfinite(forward_m) and math.isfinite(turn_rad)):
            raise ActionError(f"a move must be finite, got {step.values}")
        self._stopped = step.name == STOP
        if self._stopped:
            self._physics.sounds.play("stop", self._physics.time_s)
        self.move(forward_m, turn_rad)

    def roll(self, forward_m_s: float, turn_rad_s: float) -> None:
        """Let one time step pass at these velocities; what stands in the way stops the base."""
        physics = self._physics
        self._stopped = not (forward_m_s or turn_rad_s)
        if not self._stopped:
            here, yaw = physics.data.ctrl[self._servos], physics.data.ctrl[self._servos][2]
            way = forward_m_s * TIMESTEP_S
            ahead = here + (way * math.cos(yaw), way * math.sin(yaw), turn_rad_s * TIMESTEP_S)
            at = physics.data.qpos[self._places]
            physics.data.ctrl[self._servos] = at + np.clip(ahead - at, -MOST_LAG, MOST_LAG)
        physics.step()

    def move(self, forward_m: float, turn_rad: float) -> None:
        """Turn, then drive straight on; what stands in the way stops the base."""
        x, y, yaw = self._physics.data.qpos[self._places].tolist()
        heading = yaw + turn_rad
        if turn_rad:
            self._go((x, y, heading), abs(turn_rad) / TURN_RAD_S, "turn")
        if forward_m:
            ahead = (x + forward_m * math.cos(heading), y + forward_m * math.sin(heading), heading)
            self._go(ahead, abs(forward_m) / DRIVE_M_S, "drive")
        self._physics.advance(SETTLE_S)
        self._physics.data.ctrl[self._servos] = self._physics.data.qpos[self._places]

    def _go(self, target: tuple[float, float, float], seconds: float, sound: str) -> None:
        physics = self._physics
        start, goal = physics.data.qpos[self._places].copy(), np.asarray(target)
        physics.sounds.play(sound, physics.time_s, seconds)
        steps = max(1, math.ceil(seconds / TIMESTEP_S))
        for number in range(1, steps + 1):
            physics.data.ctrl[self._servos] = start + (goal - start) * number / steps
            physics.step()
