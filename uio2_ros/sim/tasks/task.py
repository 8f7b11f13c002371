"""A task of the simulator and one episode of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.events import Event
from uio2_ros.sim.sampling import NoRoomError
from uio2_ros.sim.spec import Place, SceneSpec
from uio2_ros.sim.splits import Split, generator
from uio2_ros.sim.world import World

DEFAULT_SIZE = PictureSize(320, 240)
DRAWS = 50  # scenes that do not fit are drawn again, at most so often


class Goal(Protocol):
    """What an instruction wants."""

    def reached(self, world: World) -> bool:
        """Whether it is so now, from the state of the physics."""

    def plan(self, world: World) -> TaskPlan:
        """The oracle: steps that make it so, from where things are now."""


@dataclass(frozen=True)
class Draw:
    """One draw of a task: a scene, what happens in it, what is said, and what is wanted.

    doing says what a robot that obeys is doing: "The robot is putting the red cube on the plate."
    """

    scene: SceneSpec
    instruction: str
    doing: str
    goal: Goal
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Episode:
    """One run of a task. Equal task, seed, split and size give equal episodes."""

    task: str
    seed: int
    split: Split
    scene: SceneSpec
    events: tuple[Event, ...]
    instruction: str
    doing: str
    goal: Goal
    step_limit: int

    def begin(self, world: World) -> None:
        """Let happen what comes before the instruction."""
        for event in self.events:
            world.play(event)

    def success(self, world: World) -> bool:
        """Whether what the instruction wants is so now."""
        return self.goal.reached(world)

    def oracle(self, world: World) -> TaskPlan:
        """A plan that succeeds, made from the true state of the world."""
        return self.goal.plan(world)


@dataclass(frozen=True)
class SimTask:
    """A kind of thing to do. needs: "image", "image history" or "audio history".

    tag is the word for the action in a video of it.
    """

    name: str
    description: str
    tag: str
    place: Place
    draw: Callable[[np.random.Generator, Split, PictureSize], Draw]
    step_limit: int
    needs: str = "image"

    def sample(self, seed: int, split: Split, size: PictureSize = DEFAULT_SIZE) -> Episode:
        """The episode of a seed. Raises ValueError for a negative seed."""
        rng = generator(self.name, seed, split)
        draw = self._fitting(rng, split, size)
        return Episode(
            self.name,
            seed,
            split,
            draw.scene,
            draw.events,
            draw.instruction,
            draw.doing,
            draw.goal,
            self.step_limit,
        )

    def _fitting(self, rng: np.random.Generator, split: Split, size: PictureSize) -> Draw:
        for _ in range(DRAWS):
            with contextlib.suppress(NoRoomError):
                return self.draw(rng, split, size)
        raise NoRoomError(f"{self.name}: none of {DRAWS} draws fits; the task asks for too much")
