"""Steps that do what is wanted, from the true state of a world: the oracle's craft."""

from __future__ import annotations

import math

import numpy as np

from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim.model import PADDLE_FACE_M
from uio2_ros.sim.sampling import CLEARANCE_M, TABLE_X_M, TABLE_Y_M, NoRoomError
from uio2_ros.sim.world import World

TABLE_SPACE, TABLE_FRAME = "vima", "base_link"
PUSH_GAP_M = 0.015  # between paddle and object where a push begins


def table_plan(*steps: Step) -> TaskPlan:
    """The steps as a plan of the action space of tables."""
    return TaskPlan(TABLE_SPACE, steps, TABLE_FRAME)


def carry(
    world: World, name: str, x: float, y: float, *, yaw: float = 0.0, start: Pose2D | None = None
) -> Step:
    """Pick an object up and set it down with its axis at (x, y), turned to `yaw`.

    start is where its axis is when the step begins, where that is not where it is now.
    """
    pose, grasp = world.pose(name), world.form(name).grasp
    begin = start or Pose2D(float(pose.position[0]), float(pose.position[1]), pose.yaw)
    turn = (yaw - begin.yaw) % (2 * math.pi)
    return Step(
        ActionKind.PICK_PLACE,
        "pick and place",
        _tool_at(begin, grasp, 0.0),
        _tool_at(Pose2D(x, y, yaw), grasp, turn),
    )


def push(world: World, name: str, to_x: float) -> Step:
    """Push an object away from the robot until its axis is at x = to_x."""
    x, y, _ = world.pose(name).position.tolist()
    radius, reach = world.form(name).radius, world.form(name).upper[1]
    start = Pose2D(x - radius - PADDLE_FACE_M - PUSH_GAP_M, y, 0.0)
    return Step(ActionKind.PUSH, "push", start, Pose2D(to_x - reach - PADDLE_FACE_M, y, 0.0))


def free_spot(world: World, name: str) -> tuple[float, float]:
    """A place on the table for the object, clear of all others. Raises NoRoomError."""
    radius = world.form(name).radius
    margin = radius + CLEARANCE_M / 2
    others = [other.name for other in world.scene.objects]
    best, best_gap = None, 0.0
    for x in np.arange(TABLE_X_M[0] + margin, TABLE_X_M[1] - margin, 0.02).tolist():
        for y in np.arange(TABLE_Y_M[0] + margin, TABLE_Y_M[1] - margin, 0.02).tolist():
            gap = min(_gap(world, other, x, y) for other in others) - radius
            if gap > best_gap:
                best, best_gap = (x, y), gap
    if best is None:
        raise NoRoomError(f"the table has no free place for {name}")
    return best


def _gap(world: World, other: str, x: float, y: float) -> float:
    position = world.pose(other).position
    return math.hypot(position[0] - x, position[1] - y) - world.form(other).radius


def _tool_at(axis: Pose2D, grasp: tuple[float, float, float], turn: float) -> Pose2D:
    """Where the cup is when an object's axis is there: it holds it at its grasp."""
    along, across = math.cos(axis.yaw), math.sin(axis.yaw)
    return Pose2D(
        axis.x + along * grasp[0] - across * grasp[1],
        axis.y + across * grasp[0] + along * grasp[1],
        turn,
    )
