"""Push an object to the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.language import Wordings, called
from uio2_ros.sim.model import PADDLE_HALF_WIDTH_M
from uio2_ros.sim.motions import push, table_plan
from uio2_ros.sim.relations import is_at_rest, is_upright
from uio2_ros.sim.sampling import Band, Cast, table_scene
from uio2_ros.sim.spec import Colour, LineSpec, Place, Shape
from uio2_ros.sim.splits import Split
from uio2_ros.sim.tasks.put import SMALL_THINGS
from uio2_ros.sim.tasks.task import Draw, SimTask
from uio2_ros.sim.world import World

PUSHED = (Shape.CUBE, Shape.CYLINDER, Shape.BOWL)
START_X_M = (0.39, 0.44)
LINE_X_M = (0.57, 0.68)
TOLERANCE_M = 0.025
BAND_SPARE_M = 0.03
YAW_LIMIT_RAD = 0.15  # a flat side meets the paddle

PUSH = Wordings(
    train=(
        "push the {x} to the {line} line",
        "slide the {x} onto the {line} line",
        "move the {x} away from you to the {line} line by pushing it",
        "push the {x} onto the {line} line",
        "push the {x} forward until it is on the {line} line",
        "slide the {x} to the {line} line",
        "the {x} should be pushed to the {line} line",
        "give the {x} a push, to the {line} line",
    ),
    held_out=(
        "shove the {x} as far as the {line} line",
        "the {line} line is where the {x} should be pushed",
    ),
)


@dataclass(frozen=True)
class PushGoal:
    """An object upright on the line, to within a tolerance."""

    name: str
    line_x: float

    def reached(self, world: World) -> bool:
        x = float(world.pose(self.name).position[0])
        return (
            abs(x - self.line_x) < TOLERANCE_M
            and is_at_rest(world, self.name)
            and is_upright(world, self.name)
        )

    def plan(self, world: World) -> TaskPlan:
        return table_plan(push(world, self.name, self.line_x))


def _draw(rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
    cast = Cast(rng, split)
    pushed = cast.add(PUSHED, lead=True, x_range_m=START_X_M, yaw_limit_rad=YAW_LIMIT_RAD)
    cast.keep_free(Band(pushed.pose.y, PADDLE_HALF_WIDTH_M + BAND_SPARE_M))
    cast.distract(4, SMALL_THINGS, at_least=1)
    colours = [colour for colour in Colour if colour is not pushed.colour]
    line = LineSpec(float(rng.uniform(*LINE_X_M)), colours[rng.integers(len(colours))])
    instruction = PUSH.say(rng, split, x=called(pushed), line=line.colour.value)
    doing = f"The robot is pushing the {called(pushed)} to the {line.colour.value} line."
    return Draw(table_scene(cast, size, line), instruction, doing, PushGoal(pushed.name, line.x))


TASK = SimTask(
    name="push",
    description="Push an object to the line on the table.",
    tag="pushing",
    place=Place.TABLE,
    draw=_draw,
    step_limit=2,
)
