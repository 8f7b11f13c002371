"""Sort objects by colour into two trays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.motions import carry, table_plan
from uio2_ros.sim.relations import is_inside
from uio2_ros.sim.sampling import Cast, table_scene
from uio2_ros.sim.spec import Colour, ObjectSpec, Place, Shape, Size
from uio2_ros.sim.splits import Split, is_held_out
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

SORTED_SHAPES = (Shape.CUBE, Shape.CYLINDER)
SLOTS_M = (-0.052, 0.052)  # along the tray

FloatArray = npt.NDArray[np.float64]

SORT = Wordings(
    train=(
        "sort the objects by colour into the trays",
        "put every object in the tray of its colour",
        "put the {p} things in the {x} and the {q} things in the {y}",
        "clear up by colour: everything into its own tray",
        "each thing goes into the tray that has its colour",
        "sort everything into the trays of the same colour",
        "the {p} objects belong in the {x}, the {q} ones in the {y}",
        "{p} things go into the {x} and {q} things into the {y}",
        "use the {x} for all that is {p} and the {y} for all that is {q}",
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
        """What is not in its tray yet, from left to right, each into the leftmost free place.

        So a picture shows which comes next, and who learns from plans can tell.
        """
        sorted_in = [pair for pair in self.pairs if is_inside(world, *pair)]
        to_sort = [pair for pair in self.pairs if pair not in sorted_in]
        taken = [world.pose(name).position[:2] for name, _ in sorted_in]
        steps: list[Step] = []
        for name, tray in sorted(to_sort, key=lambda pair: -float(world.pose(pair[0]).position[1])):
            slot = _free_slot(world, tray, taken)
            taken.append(slot)
            x, y = slot.tolist()
            steps.append(carry(world, name, x, y, yaw=world.pose(tray).yaw))
        return table_plan(*steps)


def _free_slot(world: World, tray: str, taken: Sequence[FloatArray]) -> FloatArray:
    """(2,) metres in the world: the leftmost place of a tray that nothing lies at, or else the
    emptier one. taken: the (2,) places of what was sorted, in whatever tray."""
    places = world.pose(tray).apply(np.array([[along, 0.0, 0.0] for along in SLOTS_M]))[:, :2]
    places = places[np.argsort(-places[:, 1])]
    gaps = [
        min((float(np.linalg.norm(place - at)) for at in taken), default=1.0) for place in places
    ]
    free = [number for number, gap in enumerate(gaps) if gap > SLOTS_M[1]]
    slot: FloatArray = places[free[0] if free else int(np.argmax(gaps))]
    return slot


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
