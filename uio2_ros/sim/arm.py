"""The arm over the table: a suction cup that picks and places, and a paddle that pushes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim.model import (
    PADDLE_GEOMS,
    TIMESTEP_S,
    TOOL_BODY,
    TOOL_JOINTS,
)
from uio2_ros.sim.mujoco_egl import mujoco
from uio2_ros.sim.physics import Physics

Array = npt.NDArray[np.float64]
ToolPose = tuple[float, float, float, float]

PARKED = (0.2, 0.62, 0.34, 0.0)  # beside the table, out of the cameras' sight
TRAVEL_Z_M = 0.30  # the cup carries the tallest object over the tallest object
REACH_X_M, REACH_Y_M = (0.1, 0.9), (-0.65, 0.65)  # the gantry; the table is a little smaller
REACH_Z_M = (0.0, 0.4)
PUSH_Z_M = 0.006
TOUCH_Z_M = 0.001
TRAVEL_M_S = 1.2
DESCENT_M_S = 0.4
PUSH_M_S = 0.15
TURN_RAD_S = 3.0
SETTLE_S = 0.3
ROUNDED_DIGITS = 9


class ActionError(ValueError):
    """A step that this robot cannot carry out."""


class Arm:
    """Carries out PICK_PLACE and PUSH steps; the poses are those of the cup or paddle."""

    def __init__(self, physics: Physics) -> None:
        self._physics = physics
        joints = [physics.model.joint(name) for name in TOOL_JOINTS]
        self._places = [int(joint.qposadr[0]) for joint in joints]
        self._servos = [int(physics.model.actuator(name).id) for name in TOOL_JOINTS]
        self._paddle = [int(physics.model.geom(name).id) for name in PADDLE_GEOMS]
        self._held: str | None = None
        physics.data.qpos[self._places] = PARKED
        physics.data.ctrl[self._servos] = PARKED
        self._show_paddle(False)
        mujoco.mj_forward(physics.model, physics.data)

    @property
    def held(self) -> str | None:
        """The object at the suction cup."""
        return self._held

    def execute(self, step: Step) -> str | None:
        """Carry out one step; the object it picked, None if none. Raises ActionError."""
        if step.start is None or step.end is None:
            raise ActionError(
                "the arm picks and places or pushes from a start to an end pose, and "
                f"{step.name!r} has none: use the action space vima"
            )
        for pose in (step.start, step.end):
            _check(pose)
        self._ready()
        start, end = _rounded(step.start), _rounded(step.end)
        if step.kind is ActionKind.PICK_PLACE:
            picked = self._pick(start)
            self._place(end)
        elif step.kind is ActionKind.PUSH:
            picked = None
            self._push(start, end)
        else:
            raise ActionError(f"the arm does PICK_PLACE and PUSH, not {step.kind.name}")
        self._go(PARKED, TRAVEL_M_S)
        self._physics.advance(SETTLE_S)
        return picked

    @property
    def tool(self) -> ToolPose:
        """Where the tool is: x, y, z in metres and its yaw in radians."""
        x, y, z, yaw = self._physics.data.qpos[self._places].tolist()
        return x, y, z, yaw

    @property
    def aim(self) -> ToolPose:
        """Where the tool is to be."""
        x, y, z, yaw = self._physics.data.ctrl[self._servos].tolist()
        return x, y, z, yaw

    def check(self, pose: ToolPose) -> None:
        """Raises ActionError for a pose of the tool out of its reach."""
        x, y, z, yaw = pose
        _check(Pose2D(x, y, yaw))
        low, high = REACH_Z_M
        if not low <= z <= high:
            raise ActionError(
                f"a height of {z:.3f} m is out of the arm's reach, which is {low} to {high} m"
            )

    def track(self, target: ToolPose) -> None:
        """Let one time step pass, moving towards a pose no faster than the arm goes.

        Raises ActionError for a pose out of reach.
        """
        self.check(target)
        physics = self._physics
        way = np.asarray(target) - physics.data.ctrl[self._servos]
        way[3] = math.remainder(way[3], 2 * math.pi)
        most_m, most_rad = TRAVEL_M_S * TIMESTEP_S, TURN_RAD_S * TIMESTEP_S
        way[:3] *= min(1.0, most_m / max(float(np.linalg.norm(way[:3])), 1e-9))
        way[3] = np.clip(way[3], -most_rad, most_rad)
        physics.data.ctrl[self._servos] += way
        physics.step()

    def _ready(self) -> None:
        """After a step that was cut short: set down what is still held, draw the paddle in."""
        if self._held is not None:
            x, y, _, yaw = self.tool
            self._place(Pose2D(x, y, yaw))
        self._show_paddle(False)

    def _pick(self, pose: Pose2D) -> str | None:
        self._go((pose.x, pose.y, TRAVEL_Z_M, pose.yaw), TRAVEL_M_S)
        self._go((pose.x, pose.y, TOUCH_Z_M, pose.yaw), DESCENT_M_S, until=self._cup_touches)
        self._physics.sounds.play("suction", self._physics.time_s)
        self._hold(self._object_at_cup())
        self._physics.advance(0.1)
        self._go((pose.x, pose.y, TRAVEL_Z_M, pose.yaw), TRAVEL_M_S)
        return self._held

    def _place(self, pose: Pose2D) -> None:
        self._go((pose.x, pose.y, TRAVEL_Z_M, pose.yaw), TRAVEL_M_S)
        if self._held is not None:
            down = (pose.x, pose.y, TOUCH_Z_M, pose.yaw)
            self._go(down, DESCENT_M_S, until=self._load_touches)
        self._physics.advance(0.1)
        self._let_go()
        self._physics.sounds.play("release", self._physics.time_s)
        self._physics.advance(0.1)
        self._go((pose.x, pose.y, TRAVEL_Z_M, pose.yaw), DESCENT_M_S)

    def _push(self, start: Pose2D, end: Pose2D) -> None:
        yaw = math.atan2(end.y - start.y, end.x - start.x)
        self._go((start.x, start.y, TRAVEL_Z_M, yaw), TRAVEL_M_S)
        self._show_paddle(True)
        self._go((start.x, start.y, PUSH_Z_M, yaw), DESCENT_M_S)
        length_s = math.hypot(end.x - start.x, end.y - start.y) / PUSH_M_S
        self._physics.sounds.play("scrape", self._physics.time_s, length_s)
        self._go((end.x, end.y, PUSH_Z_M, yaw), PUSH_M_S, quiet=True)
        self._physics.advance(0.2)
        self._go((end.x, end.y, TRAVEL_Z_M, yaw), DESCENT_M_S)
        self._show_paddle(False)

    def _go(
        self,
        target: ToolPose,
        speed_m_s: float,
        until: Callable[[], bool] | None = None,
        quiet: bool = False,
    ) -> None:
        """Move in a straight line, gently at its ends; stop early where `until` says so."""
        physics = self._physics
        start = physics.data.ctrl[self._servos].copy()
        goal = np.asarray(target, dtype=np.float64)
        goal[3] = start[3] + math.remainder(goal[3] - start[3], 2 * math.pi)
        way = float(np.linalg.norm(goal[:3] - start[:3]))
        seconds = max(1.5 * way / speed_m_s, abs(goal[3] - start[3]) / TURN_RAD_S, 2 * TIMESTEP_S)
        steps = math.ceil(seconds / TIMESTEP_S)
        whirr = None if quiet else physics.sounds.play("whirr", physics.time_s, seconds)
        try:
            for number in range(1, steps + 1):
                part = number / steps
                physics.data.ctrl[self._servos] = start + (goal - start) * part**2 * (3 - 2 * part)
                physics.step()
                if until is not None and until():
                    physics.data.ctrl[self._servos] = physics.data.qpos[self._places]
                    break
        finally:
            if whirr is not None:
                physics.sounds.end(whirr, physics.time_s)

    def _cup_touches(self) -> bool:
        return any(TOOL_BODY in pair for pair in self._physics.contacts())

    def _load_touches(self) -> bool:
        return any(
            self._held in pair and TOOL_BODY not in pair for pair in self._physics.contacts()
        )

    def _object_at_cup(self) -> str | None:
        for pair in self._physics.contacts():
            if TOOL_BODY in pair:
                other = pair[1] if pair[0] == TOOL_BODY else pair[0]
                if other != "world":
                    return other
        return None

    def _hold(self, name: str | None) -> None:
        """Suck: what is at the cup keeps its pose relative to it."""
        self._held = name
        if name is None:
            return
        tool, load = self._physics.pose(TOOL_BODY), self._physics.pose(name)
        turn = np.empty(4)
        mujoco.mju_mat2Quat(turn, (tool.rotation.T @ load.rotation).ravel())
        model, number = self._physics.model, self._physics.model.equality(name).id
        model.eq_data[number, 0:3] = 0.0
        model.eq_data[number, 3:6] = tool.rotation.T @ (load.position - tool.position)
        model.eq_data[number, 6:10] = turn
        model.eq_data[number, 10] = 1.0
        self._physics.data.eq_active[number] = 1

    def _let_go(self) -> None:
        if self._held is not None:
            self._physics.data.eq_active[self._physics.model.equality(self._held).id] = 0
        self._held = None

    def _show_paddle(self, out: bool) -> None:
        model = self._physics.model
        model.geom_contype[self._paddle] = model.geom_conaffinity[self._paddle] = int(out)
        model.geom_rgba[self._paddle, 3] = float(out)


def _rounded(pose: Pose2D) -> Pose2D:
    """The same for a pose and for what is left of it after a message, in which yaw is a quaternion.

    Otherwise a step would not do exactly the same whichever way it comes.
    """
    yaw = round(math.remainder(pose.yaw, 2 * math.pi), ROUNDED_DIGITS)
    return Pose2D(round(pose.x, ROUNDED_DIGITS), round(pose.y, ROUNDED_DIGITS), yaw)


def _check(pose: Pose2D) -> None:
    if not all(math.isfinite(value) for value in (pose.x, pose.y, pose.yaw)):
        raise ActionError(f"a pose must be finite, got {pose}")
    (x1, x2), (y1, y2) = REACH_X_M, REACH_Y_M
    if not (x1 <= pose.x <= x2 and y1 <= pose.y <= y2):
        raise ActionError(
            f"({pose.x:.3f}, {pose.y:.3f}) m is out of the arm's reach, which is x from {x1} to "
            f"{x2} and y from {y1} to {y2} in the robot's base frame"
        )
