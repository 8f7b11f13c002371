"""Put the object that was moved into the tray: which one it is, only earlier pictures tell."""

from __future__ import annotations

import math

import numpy as np

from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.events import Shift, Wait
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.sampling import Cast, NoRoomError, table_scene
from uio2_ros.sim.spec import ObjectPose, ObjectSpec, Place, Shape, Size
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.put import SMALL_THINGS, PutGoal
from uio2_ros.sim.tasks.task import Draw, SimTask

CANDIDATES = 3
LEAST_SHIFT_M = 0.15
TRIES = 50

MOVED = Wordings(
    train=(
        "put the one that was moved in the {y}",
        "place the object that somebody moved into the {y}",
        "something is not where it was: put it in the {y}",
    ),
    held_out=("the thing that has changed its place belongs in the {y}",),
)


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    tray = cast.add([Shape.TRAY], size=Size.LARGE)
    shapes = [shape for shape in SMALL_THINGS if shape is not Shape.BALL]
    wanted, *others = [cast.add(shapes, lead=number == 0) for number in range(CANDIDATES)]
    goal = PutGoal(wanted.name, tray.name, tuple(other.name for other in others))
    events = (
        Wait(float(rng.uniform(1.0, 1.5))),
        Shift(wanted.name, _elsewhere(cast, wanted)),
        Wait(float(rng.uniform(0.5, 1.0))),
    )
    instruction = MOVED.say(rng, split, y=called(tray))
    doing = f"The robot is putting the {called(wanted)} in the {called(tray)}."
    return Draw(table_scene(cast, size), instruction, doing, goal, events)


def _elsewhere(cast: Cast, thing: ObjectSpec) -> ObjectPose:
    for _ in range(TRIES):
        pose = cast.free_pose(thing)
        if math.hypot(pose.x - thing.pose.x, pose.y - thing.pose.y) > LEAST_SHIFT_M:
            return pose
    raise NoRoomError(f"{thing.name} cannot be moved {LEAST_SHIFT_M} m on this table")


TASK = SimTask(
    name="moved",
    description="Put the object that was moved a moment ago into the tray.",
    tag="putting",
    place=Place.TABLE,
    draw=_draw,
    step_limit=2,
    needs="image history",
)
