"""Drive to an object in the room."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.sim.base import DIMENSIONS, STOP
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.model import ROOM_SIZE_M
from uio2_ros.sim.sampling import Cast, NoRoomError, room_scene
from uio2_ros.sim.spec import ObjectPose, ObjectSpec, Place, Shape, Size
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

FURNITURE = (Shape.CUBE, Shape.CYLINDER, Shape.BALL, Shape.MUG, Shape.BOTTLE)
FORWARD_M, TURN_RAD = 0.25, math.radians(10)  # config/action_spaces/pointnav.yaml
ARRIVED_M = 0.65  # from the middle of the base to the outline of the object
LEAST_WAY_M = 1.3
BASE_RADIUS_M = 0.2
LANE_M = 0.1  # to spare on either side of the way
TRIES = 100

GO = Wordings(
    train=("go to the {x}", "drive to the {x}", "move over to the {x} and stop there"),
    held_out=("find the {x} and park next to it", "approach the {x}"),
)


@dataclass(frozen=True)
class GoToGoal:
    """The base has stopped next to the object and faces it."""

    name: str

    def reached(self, world: World) -> bool:
        gap, bearing = self._way(world)
        return world.base.stopped and gap < ARRIVED_M and abs(bearing) < math.radians(45)

    def plan(self, world: World) -> TaskPlan:
        """Turn towards it, drive, stop: the way there is free."""
        target, pose = world.pose(self.name).position, world.base.pose
        x, y, yaw = pose.x, pose.y, pose.yaw
        radius = world.form(self.name).radius
        steps: list[Step] = []
        while math.hypot(target[0] - x, target[1] - y) - radius > ARRIVED_M - 0.1:
            bearing = math.remainder(math.atan2(target[1] - y, target[0] - x) - yaw, 2 * math.pi)
            if abs(bearing) > 0.55 * TURN_RAD:
                turn = math.copysign(TURN_RAD, bearing)
                steps.append(_step("left" if turn > 0 else "right", 0.0, turn))
                yaw += turn
            else:
                steps.append(_step("forward", FORWARD_M, 0.0))
                x, y = x + FORWARD_M * math.cos(yaw), y + FORWARD_M * math.sin(yaw)
        return TaskPlan("pointnav", (*steps, _step(STOP, 0.0, 0.0)), "base_link")

    def _way(self, world: World) -> tuple[float, float]:
        """Metres to the outline of the object, and the angle to its middle."""
        target, pose = world.pose(self.name).position, world.base.pose
        east, north = target[0] - pose.x, target[1] - pose.y
        bearing = math.remainder(math.atan2(north, east) - pose.yaw, 2 * math.pi)
        return math.hypot(east, north) - world.form(self.name).radius, bearing


def _step(name: str, forward_m: float, turn_rad: float) -> Step:
    return Step(ActionKind.DISCRETE, name, dimension_names=DIMENSIONS, values=(forward_m, turn_rad))


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split, Place.ROOM)
    target = cast.add(FURNITURE, lead=True, size=Size.SMALL)
    for _ in range(int(rng.integers(2, 4))):
        cast.add(FURNITURE, size=Size.SMALL)
    start = _start(cast, target)
    instruction = GO.say(rng, split, x=called(target))
    doing = f"The robot is driving to the {called(target)}."
    return Draw(room_scene(cast, size, start), instruction, doing, GoToGoal(target.name))


def _start(cast: Cast, target: ObjectSpec) -> ObjectPose:
    """Somewhere with a free way to the target and the target within sight."""
    half = ROOM_SIZE_M / 2 - 0.5
    for _ in range(TRIES):
        x, y = cast.rng.uniform(-half, half, 2)
        east, north = target.pose.x - x, target.pose.y - y
        if math.hypot(east, north) > LEAST_WAY_M + cast.radius(target) and all(
            _off_the_way(cast, thing, target, float(x), float(y)) for thing in cast.objects
        ):
            yaw = math.atan2(north, east) + cast.rng.uniform(-0.4, 0.4)
            return ObjectPose(float(x), float(y), 0.0, float(yaw))
    raise NoRoomError(f"no start has a free way to the {target.name}")


def _off_the_way(cast: Cast, thing: ObjectSpec, target: ObjectSpec, x: float, y: float) -> bool:
    """Whether the base passes an object on its straight way from (x, y) to the target."""
    if thing.name == target.name:
        return True
    way = np.array([target.pose.x - x, target.pose.y - y])
    to_thing = np.array([thing.pose.x - x, thing.pose.y - y])
    along = np.clip(to_thing @ way / (way @ way), 0, 1)
    gap = float(np.linalg.norm(to_thing - along * way))
    return gap > cast.radius(thing) + BASE_RADIUS_M + LANE_M


TASK = SimTask(
    name="go_to",
    description="Drive to an object in the room and stop there.",
    tag="driving",
    place=Place.ROOM,
    draw=_draw,
    step_limit=60,
)
