"""Put the object that rang into the tray: which one it is, only the sound before tells."""

from __future__ import annotations

import numpy as np

from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.events import Ring, Wait
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.sampling import Cast, table_scene
from uio2_ros.sim.spec import ObjectSpec, Place, Shape, Size
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.put import SMALL_THINGS, PutGoal
from uio2_ros.sim.tasks.task import Draw, SimTask

CANDIDATES = 3

RANG = Wordings(
    train=(
        "put the one that rang in the {y}",
        "place the object that just made a sound into the {y}",
        "which one did you hear? put it in the {y}",
    ),
    held_out=("the thing that could be heard a moment ago belongs in the {y}",),
)


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    tray = cast.add([Shape.TRAY], size=Size.LARGE)
    candidates: list[ObjectSpec] = []
    for number in range(CANDIDATES):
        used = [candidate.shape for candidate in candidates]
        candidates.append(cast.add(SMALL_THINGS, lead=number == 0, avoid=used))
    wanted, *others = candidates
    goal = PutGoal(wanted.name, tray.name, tuple(other.name for other in others))
    events = (
        Wait(float(rng.uniform(0.3, 1.0))),
        Ring(wanted.name),
        Wait(float(rng.uniform(0.2, 0.8))),
    )
    instruction = RANG.say(rng, split, y=called(tray))
    doing = f"The robot is putting the {called(wanted)} in the {called(tray)}."
    return Draw(table_scene(cast, size), instruction, doing, goal, events)


TASK = SimTask(
    name="rang",
    description="Put the object that made its sound into the tray; objects sound by their shape.",
    tag="putting",
    place=Place.TABLE,
    draw=_draw,
    step_limit=2,
    needs="audio history",
)
