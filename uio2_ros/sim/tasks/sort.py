"""Sort objects by colour into two trays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.motions import carry, table_plan
from uio2_ros.sim.relations import is_inside
from uio2_ros.sim.sampling import Cast, table_scene
from uio2_ros.sim.spec import Colour, ObjectSpec, Place, Shape, Size
from uio2_ros.sim.splits import Split, is_held_out
from uio2_ros.sim.tasks.language import Wordings, called
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

SORTED_SHAPES = (Shape.CUBE, Shape.CYLINDER)
SLOTS_M = (-0.052, 0.052)  # along the tray

SORT = Wordings(
    train=(
        "sort the objects by colour into the trays",
        "put every object in the tray of its colour",
        "put the {p} things in the {x} and the {q} things in the {y}",
    ),
    held_out=(
        "tidy up: each object belongs in the tray of the same colour",
        "the {x} is for everything {p} and the {y} for everything {q}",
    ),
)


@dataclass(frozen=True)
class SortGoal:
    """Each object in its tray, as (object, tray) pairs."""

    pairs: tuple[tuple[str, str], ...]

    def reached(self, world: World) -> bool:
        return all(is_inside(world, name, tray) for name, tray in self.pairs)

    def plan(self, world: World) -> TaskPlan:
        used: dict[str, int] = {}
        steps: list[Step] = []
        for name, tray in self.pairs:
            slot = used.get(tray, 0)
            used[tray] = slot + 1
            steps.append(_into_slot(world, name, tray, slot))
        return table_plan(*steps)


def _into_slot(world: World, name: str, tray: str, slot: int) -> Step:
    pose = world.pose(tray)
    x, y, _ = pose.apply(np.array([[SLOTS_M[slot], 0.0, 0.0]]))[0].tolist()
    return carry(world, name, x, y, yaw=pose.yaw)


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    colours = _two_colours(rng, split)
    trays = [cast.add([Shape.TRAY], colours=[colour], size=Size.LARGE) for colour in colours]
    pairs: list[tuple[ObjectSpec, ObjectSpec]] = []
    count = int(rng.integers(2, 5))
    for number in range(count):
        tray = trays[number % 2]
        lead = number == 0
        thing = cast.add(SORTED_SHAPES, colours=[tray.colour], lead=lead)
        pairs.append((thing, tray))
    first, second = trays
    instruction = SORT.say(
        rng,
        split,
        p=first.colour.value,
        q=second.colour.value,
        x=called(first),
        y=called(second),
    )
    goal = SortGoal(tuple((thing.name, tray.name) for thing, tray in pairs))
    doing = f"The robot is sorting objects into the {called(first)} and the {called(second)}."
    return Draw(table_scene(cast, size), instruction, doing, goal)


def _two_colours(rng: np.random.Generator, split: Split) -> list[Colour]:
    """Colours whose trays the split allows; held out, the first has a held-out thing to sort."""
    colours = [Colour(value) for value in rng.permutation([colour.value for colour in Colour])]
    if split is Split.TRAIN:
        return [colour for colour in colours if not is_held_out(colour, Shape.TRAY)][:2]
    kept_back = [
        colour for colour in colours if any(is_held_out(colour, shape) for shape in SORTED_SHAPES)
    ]
    return [kept_back[0], next(colour for colour in colours if colour is not kept_back[0])]


TASK = SimTask(
    name="sort",
    description="Sort two to four objects into the trays of their colours.",
    tag="sorting",
    place=Place.TABLE,
    draw=_draw,
    step_limit=5,
)
