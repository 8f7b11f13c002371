"""Reference policies, and the loop that lets a policy act in an episode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim.base import DIMENSIONS, STOP
from uio2_ros.sim.motions import table_plan
from uio2_ros.sim.sampling import TABLE_X_M, TABLE_Y_M
from uio2_ros.sim.spec import Place
from uio2_ros.sim.tasks.task import Episode
from uio2_ros.sim.world import World

MOVES = {
    STOP: (0.0, 0.0),
    "forward": (0.25, 0.0),
    "left": (0.0, math.radians(10)),
    "right": (0.0, -math.radians(10)),
}
"""The actions of config/action_spaces/pointnav.yaml, in metres and radians."""


class Policy(Protocol):
    """Who acts: looks at a world and says what to do next; an empty plan ends the episode."""

    def plan(self, world: World, episode: Episode) -> TaskPlan:
        """The next steps."""


@dataclass(frozen=True)
class Result:
    """How an episode ended. `scene_s` are seconds of the scene, not of the clock."""

    success: bool
    steps: int
    scene_s: float


class Oracle:
    """Knows the state of the world: one plan, and done."""

    def __init__(self) -> None:
        self._done = False

    def plan(self, world: World, episode: Episode) -> TaskPlan:
        if self._done:
            return TaskPlan("", ())
        self._done = True
        return episode.oracle(world)


class RandomPolicy:
    """Any step that the robot can do, as likely as any other."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def plan(self, world: World, episode: Episode) -> TaskPlan:  # noqa: ARG002
        if world.scene.place is Place.TABLE:
            return table_plan(self._table_step())
        if world.base.stopped:
            return TaskPlan("", ())
        name = list(MOVES)[self._rng.integers(len(MOVES))]
        step = Step(ActionKind.DISCRETE, name, dimension_names=DIMENSIONS, values=MOVES[name])
        return TaskPlan("pointnav", (step,), "base_link")

    def _table_step(self) -> Step:
        if self._rng.uniform() < 0.5:
            return Step(ActionKind.PICK_PLACE, "pick and place", self._pose(), self._pose())
        return Step(ActionKind.PUSH, "push", self._pose(), self._pose())

    def _pose(self) -> Pose2D:
        x, y = self._rng.uniform(*TABLE_X_M), self._rng.uniform(*TABLE_Y_M)
        return Pose2D(float(x), float(y), float(self._rng.uniform(0, 2 * math.pi)))


def run_episode(episode: Episode, policy: Policy, world: World | None = None) -> Result:
    """Let a policy act until it says nothing more or the limit of steps is reached.

    Give a world that is at its start to watch it; otherwise one is made for the purpose.
    """
    if world is None:
        with World(episode.scene) as own:
            return run_episode(episode, policy, own)
    episode.begin(world)
    began_s, count = world.time_s, 0
    while count < episode.step_limit:
        steps = policy.plan(world, episode).steps[: episode.step_limit - count]
        if not steps:
            break
        for step in steps:
            world.execute(step)
        count += len(steps)
    return Result(episode.success(world), count, world.time_s - began_s)
