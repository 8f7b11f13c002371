"""Swap the places of two objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.motions import carry, free_spot, table_plan
from uio2_ros.sim.relations import is_near
from uio2_ros.sim.sampling import Cast, table_scene
from uio2_ros.sim.spec import ObjectPose, Place, Shape
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.put import SMALL_THINGS
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

SWAPPED = (Shape.CUBE, Shape.CYLINDER, Shape.MUG, Shape.BOTTLE)
TOLERANCE_M = 0.03

SWAP = Wordings(
    train=(
        "swap the {x} and the {y}",
        "exchange the places of the {x} and the {y}",
        "put the {x} where the {y} is and the {y} where the {x} is",
        "the {x} and the {y} change places",
        "make the {x} and the {y} switch positions",
        "the {x} goes where the {y} is, and the other way round",
        "have the {x} and the {y} exchange positions",
        "trade the places of the {x} and the {y}",
    ),
    held_out=("let the {x} and the {y} trade places", "switch the {x} with the {y}"),
)


@dataclass(frozen=True)
class SwapGoal:
    """Two objects, each where the other was at the start."""

    first: str
    second: str
    first_start: ObjectPose
    second_start: ObjectPose

    def reached(self, world: World) -> bool:
        first, second = self.first_start, self.second_start
        return is_near(world, self.first, second.x, second.y, TOLERANCE_M) and is_near(
            world, self.second, first.x, first.y, TOLERANCE_M
        )

    def plan(self, world: World) -> TaskPlan:
        first, second = self.first_start, self.second_start
        x, y = free_spot(world, self.first)
        return table_plan(
            carry(world, self.first, x, y),
            carry(world, self.second, first.x, first.y),
            carry(world, self.first, second.x, second.y, start=Pose2D(x, y, 0.0)),
        )


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    first, second = cast.add(SWAPPED, lead=True), cast.add(SWAPPED)
    cast.distract(3, SMALL_THINGS)
    instruction = SWAP.say(rng, split, x=called(first), y=called(second))
    goal = SwapGoal(first.name, second.name, first.pose, second.pose)
    doing = f"The robot is swapping the {called(first)} and the {called(second)}."
    return Draw(table_scene(cast, size), instruction, doing, goal)


TASK = SimTask(
    name="swap",
    description="Let two objects change places.",
    tag="swapping",
    place=Place.TABLE,
    draw=_draw,
    step_limit=4,
)
