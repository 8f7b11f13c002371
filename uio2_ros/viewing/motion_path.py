"""Where the steps of a plan lead, as far as they say where something moves. numpy only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.action_dimension import Axis, Dimension, DimensionKind
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan

_INDEX = {Axis.X: 0, Axis.Y: 1, Axis.Z: 2}
_MOVING = (DimensionKind.POSITION, DimensionKind.VELOCITY)


@dataclass(frozen=True)
class MotionPath:
    """Points in metres and headings in radians about z, in the action space's frame.

    The first is where the motion begins: the frame's origin, as far as the moves are relative.
    """

    points: npt.NDArray[np.float64]  # (steps + 1, 3)
    headings: npt.NDArray[np.float64]  # (steps + 1,)

    @property
    def is_still(self) -> bool:
        """Whether nothing moves or turns, as with "stop"."""
        return bool((self.points == self.points[0]).all() and not self.headings.any())


def motion_path(plan: TaskPlan, space: ActionSpace) -> MotionPath | None:
    """The path of the DISCRETE and CONTINUOUS steps of a plan; None if they move nothing in space.

    A base, which moves in the plane and turns about z, moves along its own axes; anything else,
    such as an end effector, along the axes of the frame. Velocities last for a step. Joints say
    nothing of where they lead.
    """
    axes = [dimension.axis for dimension in space.dimensions if dimension.kind in _MOVING]
    steps = [
        step for step in plan.steps if step.kind in (ActionKind.DISCRETE, ActionKind.CONTINUOUS)
    ]
    if not steps or not any(axes):
        return None
    is_base = Axis.Z not in [d.axis for d in space.dimensions if _is_translation(d)]
    points, headings = [np.zeros(3)], [0.0]
    for step in steps:
        move, turn = _motion(step, space, points[-1])
        along = headings[-1] + turn / 2 if is_base else 0.0
        points.append(points[-1] + _turned(move, along))
        headings.append(headings[-1] + turn)
    return MotionPath(np.array(points), np.array(headings))


def _motion(
    step: Step, space: ActionSpace, position: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], float]:
    """How far a step moves, metres, and how far it turns about z, radians."""
    period_s = 1 / space.rate_hz if space.rate_hz else 1.0
    move, turn = np.zeros(3), 0.0
    for dimension, value in zip(space.dimensions, step.values, strict=True):
        if dimension.axis is None:
            continue
        index = _INDEX[dimension.axis]
        amount = value * period_s if dimension.kind is DimensionKind.VELOCITY else value
        if not _is_translation(dimension):
            turn += amount if dimension.axis is Axis.Z else 0.0
        elif dimension.kind is DimensionKind.POSITION and not dimension.relative:
            move[index] = value - position[index]
        else:
            move[index] += amount
    return move, turn


def _is_translation(dimension: Dimension) -> bool:
    if dimension.kind is DimensionKind.VELOCITY:
        return not dimension.is_angular_velocity
    return dimension.kind is DimensionKind.POSITION


def _turned(move: npt.NDArray[np.float64], angle: float) -> npt.NDArray[np.float64]:
    x, y, z = move
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array((cos * x - sin * y, sin * x + cos * y, z))


def value_rows(steps: Sequence[Step]) -> dict[str, npt.NDArray[np.float64]]:
    """The values of CONTINUOUS steps over the steps, by the names of the dimensions."""
    moves = [step for step in steps if step.kind is ActionKind.CONTINUOUS]
    if not moves:
        return {}
    values = np.array([step.values for step in moves])  # (steps, dimensions)
    return dict(zip(moves[0].dimension_names, values.T, strict=True))
