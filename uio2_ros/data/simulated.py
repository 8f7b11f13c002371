"""Samples out of the simulator: episodes done by the oracle, with all that is true of each picture.

Every picture answers questions about what is seen in it (`simulated_tasks`). Pictures between two
steps also have the steps that are still to come, those before the last step the picture of the
goal, and the last ones what was done. Rooms have the base's moves, each with the moves before it.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import SEEDS, SHORTEST_S, LabelledTask, Sample, SampleHistory
from uio2_ros.data.simulated_tasks import (
    SEGMENT_S,
    ScenarioSound,
    done,
    listened,
    perceived,
    to_come,
)
from uio2_ros.history.move_history import move_text
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.time import to_ns
from uio2_ros.settings import check, setting
from uio2_ros.sim import SIM_TASKS, Episode, PictureSize, Split, World, sample_episode
from uio2_ros.sim.questions import audio_caption
from uio2_ros.sim.sounds import RATE_HZ, Samples
from uio2_ros.sim.spec import Place
from uio2_ros.sim.truth import SceneTruth, observe

REMEMBERED_MOVES = 16
"""As many as the agent remembers by default."""

_SLACK_NS = 10_000_000  # time passes in steps

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SimulatedSettings(SampleHistory):
    """Which episodes, and what is kept of each.

    While the arm works, every camera's picture is taken each period_s; of the base, one before each
    move. audio_s of sound go with a picture.
    """

    split: Split = Split.TRAIN
    tasks: tuple[str, ...] = tuple(SIM_TASKS)
    seed: int = setting(0, "the first seed of each task", high=SEEDS)
    size: PictureSize = field(default=PictureSize(256, 256))
    period_s: float = setting(0.5, "seconds between pictures", low=SHORTEST_S, name="period")
    audio_s: float = setting(2 * SEGMENT_S, "seconds of sound", low=SHORTEST_S)
    samples_per_pixel: int = setting(0, "4: smooth edges, at half the speed")

    def __post_init__(self) -> None:
        unknown = [name for name in self.tasks if name not in SIM_TASKS]
        if unknown or not self.tasks:
            raise ValueError(
                f"no simulator task is called {', '.join(unknown) or 'nothing'}; expected some of "
                f"{', '.join(SIM_TASKS)}"
            )
        check(self)
        if min(self.size.width, self.size.height) < 1:
            raise ValueError(f"pictures of {self.size.width} x {self.size.height} hold nothing")


def episode_of(number: int, settings: SimulatedSettings) -> Episode:
    """The episode of a number: the tasks in turn, each with its own seeds."""
    seeds, task = divmod(number, len(settings.tasks))
    seed = settings.seed + seeds
    return sample_episode(settings.tasks[task], seed, settings.split, settings.size)


def samples_of(episode: Episode, settings: SimulatedSettings) -> Iterator[Sample]:
    """The samples of an episode. Equal episodes give equal samples.

    Samples that tell what to do or what was done come last, and only if the oracle succeeded.
    """
    with World(episode.scene, settings.samples_per_pixel) as world:
        yield from _Recording(world, episode, settings).samples()


@dataclass(frozen=True)
class SimulatedShards:
    """Shards of so many episodes each."""

    settings: SimulatedSettings
    episodes: int

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of the shard's episodes."""
        # One thread draws a picture of this size about as fast as several.
        os.environ.setdefault("LP_NUM_THREADS", "0")
        for number in range(shard * self.episodes, (shard + 1) * self.episodes):
            yield from samples_of(episode_of(number, self.settings), self.settings)


@dataclass(frozen=True)
class _Look:
    """What one camera saw at a moment, and what was heard until then."""

    name: str
    truth: SceneTruth
    seen: Observation
    heard: ScenarioSound


class _Recording:
    """One episode while it is done and seen."""

    def __init__(self, world: World, episode: Episode, settings: SimulatedSettings) -> None:
        self._world = world
        self._episode = episode
        self._settings = settings
        self._cameras = tuple(camera.name for camera in episode.scene.cameras)
        self._frames: dict[str, list[Frame]] = {camera: [] for camera in self._cameras}
        self._meanwhile: list[_Look] = []
        self._moves: list[str] = []
        self._acting = False
        salt = zlib.crc32(f"labels/{episode.task}/{episode.split.value}".encode())
        self._rng = np.random.default_rng([salt, episode.seed])

    def samples(self) -> Iterator[Sample]:
        self._world.watch(self._tick, self._settings.period_s)
        self._episode.begin(self._world)
        plan = self._episode.oracle(self._world)
        self._acting = self._episode.scene.place is Place.TABLE
        between = [self._looks("step0")]
        for number, step in enumerate(plan.steps, start=1):
            move = move_text(self._position(), step.name) if self._in_room else ""
            self._world.execute(step)
            yield from self._seen_meanwhile(number)
            self._moves = [*self._moves, move][-REMEMBERED_MOVES:]
            between.append(self._looks(f"step{number}"))
        yield from self._decisive(plan, between)

    @property
    def _in_room(self) -> bool:
        return self._episode.scene.place is Place.ROOM

    def _position(self) -> tuple[float, float, float]:
        """Where the base is, in metres of an odometry frame that begins where the base did."""
        start, now = self._episode.scene.base_pose, self._world.base.pose
        assert start is not None, "a room has a base"
        east, north = now.x - start.x, now.y - start.y
        along, across = math.cos(start.yaw), math.sin(start.yaw)
        return east * along + north * across, north * along - east * across, 0.0

    def _tick(self) -> None:
        """Every period: keeps what was seen before the instruction, looks around after it."""
        if self._acting:
            self._meanwhile += self._looks(f"{len(self._meanwhile) // len(self._cameras)}")
        elif not self._in_room and self._is_due():
            for camera in self._cameras:
                self._keep(camera, self._world.colour(camera))

    def _is_due(self) -> bool:
        frames = self._frames[self._cameras[0]]
        apart_ns = to_ns(self._settings.history_period_s)
        return not frames or self._now_ns - frames[-1].stamp_ns >= apart_ns - _SLACK_NS

    @property
    def _now_ns(self) -> int:
        return to_ns(self._world.time_s)

    def _keep(self, camera: str, pixels: Pixels) -> Frame:
        frame = Frame(pixels, self._now_ns, f"{camera}_optical_frame")
        self._frames[camera].append(frame)
        return frame

    def _looks(self, name: str) -> list[_Look]:
        """What all cameras see now."""
        return [self._look(camera, f"{name}_{camera}") for camera in self._cameras]

    def _look(self, camera: str, name: str) -> _Look:
        truth = observe(self._world, camera)
        history = self._history(camera)
        seen = Observation(
            image=self._keep(camera, truth.colour),
            history=history,
            audio=self._sound(self._settings.audio_s),
            audio_rate=RATE_HZ,
            camera=truth.camera.model,
            robot_history=tuple(self._moves),
        )
        return _Look(name, truth, seen, self._heard())

    def _history(self, camera: str) -> tuple[Frame, ...]:
        """The newest frames that are a period or more apart, oldest first."""
        apart_ns = to_ns(self._settings.history_period_s) - _SLACK_NS
        kept: list[Frame] = []
        limit_ns = self._now_ns - apart_ns
        for frame in reversed(self._frames[camera]):
            if len(kept) == self._settings.history_frames:
                break
            if frame.stamp_ns <= limit_ns:
                kept.append(frame)
                limit_ns = frame.stamp_ns - apart_ns
        return tuple(reversed(kept))

    def _sound(self, seconds: float) -> Samples:
        return self._world.audio(min(seconds, self._world.time_s))

    def _heard(self) -> ScenarioSound:
        whole = min(self._settings.audio_s, self._world.time_s)
        newest = min(SEGMENT_S, self._world.time_s)
        return ScenarioSound(
            audio_caption(self._world, whole),
            audio_caption(self._world, newest),
            self._sound(newest),
        )

    def _seen_meanwhile(self, step: int) -> Iterator[Sample]:
        for look in self._meanwhile:
            yield self._sample(f"during{step}-{look.name}", look, ())
        self._meanwhile.clear()

    def _decisive(self, plan: TaskPlan, between: list[list[_Look]]) -> Iterator[Sample]:
        """The moments before, between and after the steps."""
        success = self._episode.success(self._world)
        goals = {camera: look for camera, look in zip(self._cameras, between[-1], strict=True)}
        for number, looks in enumerate(between):
            for camera, look in zip(self._cameras, looks, strict=True):
                more: tuple[LabelledTask, ...] = listened(look.heard)
                if success and number < len(plan.steps):
                    more += to_come(self._episode, plan, number, goals[camera].truth.colour)
                elif success:
                    more += done(self._episode, look.seen)
                yield self._sample(look.name, look, more)

    def _sample(self, name: str, look: _Look, more: tuple[LabelledTask, ...]) -> Sample:
        episode = self._episode
        return Sample(
            key=f"{episode.task}_{episode.seed:07d}_{name}",
            observation=look.seen,
            tasks=(*perceived(look.truth, episode.scene.place, episode.split, self._rng), *more),
            meta={
                "task": episode.task,
                "seed": str(episode.seed),
                "split": episode.split.value,
                "instruction": episode.instruction,
            },
        )
