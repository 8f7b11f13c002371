"""Recorded numbers as the answer of task `act`: a chunk of steps in a continuous action space."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import LabelledTask
from uio2_ros.data.shards import DataSetError
from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan

Floats = npt.NDArray[np.float64]


def expect_continuous(space: ActionSpace) -> None:
    """ValueError for an action space whose actions are no numbers."""
    if space.kind is not SpaceKind.CONTINUOUS:
        raise ValueError(
            f"the action space {space.name!r} is {space.kind.value}; recorded actions are numbers "
            "and need a continuous one"
        )


def expect_in_range(actions: Floats, space: ActionSpace, where: str) -> None:
    """DataSetError for actions (N, n) in SI units that the space does not hold."""
    for column, dimension in zip(actions.T, space.dimensions, strict=True):
        low, high = column.min(), column.max()
        if not (np.isfinite(column).all() and dimension.low <= low and high <= dimension.high):
            raise DataSetError(
                f"values of {dimension.name!r} in {where} go from {low:g} to {high:g}, the action "
                f"space {space.name!r} allows {dimension.low:g} to {dimension.high:g} (SI units); "
                "declare a space with the range of this robot"
            )


def act_task(instruction: str, actions: Floats, space: ActionSpace) -> LabelledTask:
    """The task of doing actions (steps, n) in SI units, one each period of the space."""
    assert space.rate_hz is not None, "continuous action spaces have a rate"
    steps = tuple(
        Step(
            kind=ActionKind.CONTINUOUS,
            name=space.name,
            dimension_names=space.dimension_names,
            values=tuple(map(float, values)),
            time_from_start_s=number / space.rate_hz,
        )
        for number, values in enumerate(actions, start=1)
    )
    return LabelledTask(
        Instruction(instruction, "act", action_space=space.name),
        Answer(task="act", plan=TaskPlan(space.name, steps, space.frame_id)),
    )
