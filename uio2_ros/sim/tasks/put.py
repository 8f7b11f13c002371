"""Put X in or on Y."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.motions import carry, table_plan
from uio2_ros.sim.relations import CONTAINERS, is_inside
from uio2_ros.sim.sampling import Cast, table_scene
from uio2_ros.sim.spec import Place, Shape, Size
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

FITTING = {
    Shape.BOWL: (Shape.CUBE, Shape.CYLINDER, Shape.BALL),
    Shape.TRAY: (Shape.CUBE, Shape.CYLINDER, Shape.BALL, Shape.MUG, Shape.RING, Shape.BOTTLE),
    Shape.PLATE: (Shape.CUBE, Shape.CYLINDER, Shape.MUG, Shape.BOTTLE),
}
"""What can be put in or on what, and stays there."""

SMALL_THINGS = (Shape.CUBE, Shape.CYLINDER, Shape.BALL, Shape.MUG, Shape.RING, Shape.BOTTLE)

INTO = Wordings(
    train=(
        "put the {x} in the {y}",
        "place the {x} into the {y}",
        "pick up the {x} and drop it in the {y}",
        "the {x} goes in the {y}",
        "drop the {x} into the {y}",
        "bring the {x} to the {y} and put it in",
        "take the {x} and put it in the {y}",
        "I would like the {x} in the {y}",
    ),
    held_out=("move the {x} inside the {y}", "I want the {x} to be in the {y}"),
)
ONTO = Wordings(
    train=(
        "put the {x} on the {y}",
        "place the {x} onto the {y}",
        "pick up the {x} and set it on the {y}",
        "the {x} goes on the {y}",
        "set the {x} on the {y}",
        "bring the {x} to the {y} and put it on",
        "take the {x} and put it on the {y}",
        "I would like the {x} on the {y}",
    ),
    held_out=("move the {x} on top of the {y}", "I want the {x} to be on the {y}"),
)


@dataclass(frozen=True)
class PutGoal:
    """One object in or on another, and none of `others` there."""

    moved: str
    target: str
    others: tuple[str, ...] = ()

    def reached(self, world: World) -> bool:
        intruders = any(is_inside(world, other, self.target) for other in self.others)
        return is_inside(world, self.moved, self.target) and not intruders

    def plan(self, world: World) -> TaskPlan:
        x, y, _ = world.pose(self.target).position.tolist()
        return table_plan(carry(world, self.moved, x, y))


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    below = list(FITTING)[rng.integers(len(FITTING))]
    target = cast.add([below], size=Size.LARGE)
    moved = cast.add(FITTING[below], lead=True, size=Size.SMALL if below is Shape.BOWL else None)
    cast.distract(4, SMALL_THINGS)
    wordings, word = (INTO, "in") if below in CONTAINERS else (ONTO, "on")
    instruction = wordings.say(rng, split, x=called(moved), y=called(target))
    doing = f"The robot is putting the {called(moved)} {word} the {called(target)}."
    return Draw(table_scene(cast, size), instruction, doing, PutGoal(moved.name, target.name))


TASK = SimTask(
    name="put",
    description="Put one object in or on another.",
    tag="putting",
    place=Place.TABLE,
    draw=_draw,
    step_limit=2,
)
