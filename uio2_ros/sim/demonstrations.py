"""An episode done by the oracle, as it is seen and heard: for goal pictures, videos and actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim.sounds import Samples
from uio2_ros.sim.tasks.task import Episode
from uio2_ros.sim.world import World

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """A picture (H, W, 3) RGB and its time in the scene."""

    pixels: Pixels
    time_s: float


@dataclass(frozen=True)
class Demonstration:
    """What came before the instruction, and what the oracle did about it.

    before ends with the picture at the instruction, after ends with the goal picture; audio_before
    is all sound until the instruction, mono at 16 kHz.
    """

    before: tuple[Seen, ...]
    after: tuple[Seen, ...]
    audio_before: Samples
    audio_after: Samples
    plan: TaskPlan
    success: bool

    @property
    def start_picture(self) -> Pixels:
        return self.before[-1].pixels

    @property
    def goal_picture(self) -> Pixels:
        return self.after[-1].pixels


def demonstrate(episode: Episode, camera: str, period_s: float = 0.5) -> Demonstration:
    """Let the oracle do an episode in a world of its own, watched every `period_s`."""
    with World(episode.scene) as world:
        frames: list[Seen] = []
        world.watch(lambda: frames.append(_look(world, camera)), period_s)
        episode.begin(world)
        before = (*frames, _look(world, camera))
        began_s = world.time_s
        frames.clear()
        plan = episode.oracle(world)
        world.execute_plan(plan)
        after = (*frames, _look(world, camera))
        sounds = world.physics.sounds
        return Demonstration(
            before,
            after,
            sounds.audio(0.0, began_s),
            sounds.audio(began_s, world.time_s),
            plan,
            episode.success(world),
        )


def _look(world: World, camera: str) -> Seen:
    return Seen(world.colour(camera), world.time_s)
