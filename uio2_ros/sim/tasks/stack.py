"""Stack two or three objects."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.motions import carry, table_plan
from uio2_ros.sim.relations import is_stacked
from uio2_ros.sim.sampling import Cast, table_scene
from uio2_ros.sim.spec import Place, Shape, Size
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.put import SMALL_THINGS
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

FLAT = (Shape.CUBE, Shape.CYLINDER)

TWO = Wordings(
    train=(
        "stack the {b} on the {a}",
        "put the {b} on top of the {a}",
        "build a tower: {a}, {b}",
        "set the {b} down on the {a}",
        "stand the {b} on the {a}",
        "pile the {b} onto the {a}",
        "the {b} goes onto the {a}",
        "the {a} goes under the {b}",
        "make a tower with the {a} below the {b}",
        "make a tower with the {b} above the {a}",
    ),
    held_out=("balance the {b} on the {a}", "make a pile with the {a} under the {b}"),
)
THREE = Wordings(
    train=(
        "stack the {b} on the {a} and the {c} on the {b}",
        "put the {b} on top of the {a}, then the {c} on top of that",
        "build a tower: {a}, {b}, {c}",
        "build a tower from the bottom up: the {a}, the {b}, the {c}",
        "the {a} at the bottom, the {b} in the middle and the {c} at the top",
        "stand the {b} on the {a}, and then the {c} on the {b}",
        "pile the {b} onto the {a} and the {c} onto the {b}",
        "the {a} goes under the {b}, and the {b} under the {c}",
    ),
    held_out=(
        "balance the {b} on the {a} and the {c} on the {b}",
        "make a pile: the {a} at the bottom, then the {b}, the {c} at the top",
    ),
)


@dataclass(frozen=True)
class StackGoal:
    """A tower, from its bottom to its top."""

    tower: tuple[str, ...]

    def reached(self, world: World) -> bool:
        return all(is_stacked(world, upper, lower) for lower, upper in pairwise(self.tower))

    def plan(self, world: World) -> TaskPlan:
        foot = world.pose(self.tower[0])
        x, y, _ = foot.position.tolist()
        return table_plan(*(carry(world, name, x, y, yaw=foot.yaw) for name in self.tower[1:]))


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    count = 2 if rng.uniform() < 0.6 else 3
    tower = [cast.add(FLAT, size=Size.LARGE), cast.add(FLAT, lead=True)]
    if count == 3:
        tower.append(cast.add(FLAT, size=Size.SMALL))
    cast.distract(3, SMALL_THINGS)
    wordings = TWO if count == 2 else THREE
    parts = dict(zip("abc", map(called, tower), strict=False))
    instruction = wordings.say(rng, split, **parts)
    doing = f"The robot is stacking the {', the '.join(map(called, tower))}."
    goal = StackGoal(tuple(thing.name for thing in tower))
    return Draw(table_scene(cast, size), instruction, doing, goal)


TASK = SimTask(
    name="stack",
    description="Build a tower of two or three objects in the order said.",
    tag="stacking",
    place=Place.TABLE,
    draw=_draw,
    step_limit=3,
)
