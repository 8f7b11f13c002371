"""Samples out of the simulator: episodes done by the oracle, with all that is true of each picture.

Every picture answers questions about what is seen in it. The picture at the instruction also has
the plan, the first step and the picture of the goal; the last one has what was done. Rooms have the
base's moves, each with the moves before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.sim import SIM_TASKS, Episode, PictureSize, Split, World, sample_episode
from uio2_ros.sim.questions import audio_caption, caption, questions
from uio2_ros.sim.spec import Place
from uio2_ros.sim.truth import ObjectTruth, SceneTruth, observe
from uio2_ros.tasks.answer import Answer, Picture, TaskPlan
from uio2_ros.tasks.instruction import Frame, Instruction, Observation

NS_PER_S = 1_000_000_000
AUDIO_RATE_HZ = 16000


@dataclass(frozen=True)
class SimulatedSettings:
    """Which episodes, and what is kept of each.

    While the oracle acts, every camera's picture is taken each period_s. history_frames earlier
    pictures, each history_period_s before the next, and audio_s of sound go with a picture.
    """

    split: Split = Split.TRAIN
    tasks: tuple[str, ...] = tuple(SIM_TASKS)
    size: PictureSize = field(default=PictureSize(256, 256))
    period_s: float = 0.4
    history_frames: int = 4
    history_period_s: float = 1.0
    audio_s: float = 8.16

    def __post_init__(self) -> None:
        unknown = [name for name in self.tasks if name not in SIM_TASKS]
        if unknown or not self.tasks:
            raise ValueError(f"no simulator task is called {unknown}; expected {list(SIM_TASKS)}")
        if not (self.period_s > 0 and self.history_period_s > 0 and self.audio_s > 0):
            raise ValueError("period_s, history_period_s and audio_s must be more than 0")
        if self.history_frames < 0:
            raise ValueError(f"history_frames is {self.history_frames}; give 0 or more")


def episode_of(number: int, settings: SimulatedSettings) -> Episode:
    """The episode of a number: the tasks in turn, each with its own seeds."""
    task = settings.tasks[number % len(settings.tasks)]
    return sample_episode(task, number // len(settings.tasks), settings.split, settings.size)


def samples_of(episode: Episode, settings: SimulatedSettings) -> Iterator[Sample]:
    """The samples of an episode, in the order of time. Equal episodes give equal samples."""
    with World(episode.scene) as world:
        yield from _Recording(world, episode, settings).samples()


@dataclass(frozen=True)
class _Look:
    """One moment of one camera."""

    truth: SceneTruth
    time_s: float


class _Recording:
    """One episode while it is done and seen."""

    def __init__(self, world: World, episode: Episode, settings: SimulatedSettings) -> None:
        self._world = world
        self._episode = episode
        self._settings = settings
        self._rng = np.random.default_rng([episode.seed, len(episode.instruction)])
        self._looks: dict[str, list[_Look]] = {one.name: [] for one in episode.scene.cameras}
        self._frames: dict[str, list[Frame]] = {name: [] for name in self._looks}

    def samples(self) -> Iterator[Sample]:
        main = next(iter(self._looks))
        self._world.watch(self._remember, self._settings.history_period_s)
        self._episode.begin(self._world)
        start = self._look(main)
        before = self._observation(main, start)
        heard = audio_caption(self._world, self._settings.audio_s)
        plan = self._episode.oracle(self._world)
        yield from self._act(plan)
        goal = self._look(main)
        yield self._sample("start", start, before, self._wanted(heard, plan, goal))
        yield self._sample("goal", goal, self._observation(main, goal), self._done())

    def _act(self, plan: TaskPlan) -> Iterator[Sample]:
        """Carries out the plan and gives the samples of what was seen meanwhile."""
        self._world.watch(self._remember_everything, self._settings.period_s)
        for number, step in enumerate(plan.steps):
            self._world.execute(step)
            for camera, looks in self._looks.items():
                for index, look in enumerate(looks):
                    name = f"{camera}{number}-{index}"
                    seen = self._observation(camera, look)
                    yield self._sample(name, look, seen, ())
                looks.clear()

    def _remember(self) -> None:
        for camera, frames in self._frames.items():
            frames.append(self._frame(self._world.colour(camera), camera, self._world.time_s))

    def _remember_everything(self) -> None:
        for camera, looks in self._looks.items():
            looks.append(self._look(camera))

    def _look(self, camera: str) -> _Look:
        return _Look(observe(self._world, camera), self._world.time_s)

    def _frame(self, pixels: npt.NDArray[np.uint8], camera: str, time_s: float) -> Frame:
        return Frame(pixels, round(time_s * NS_PER_S), f"{camera}_optical_frame")

    def _observation(self, camera: str, look: _Look) -> Observation:
        now = round(look.time_s * NS_PER_S)
        earlier = [frame for frame in self._frames[camera] if frame.stamp_ns < now]
        kept = earlier[-self._settings.history_frames :] if self._settings.history_frames else []
        sounds = self._world.physics.sounds
        return Observation(
            image=self._frame(look.truth.colour, camera, look.time_s),
            history=tuple(kept),
            audio=sounds.audio(max(0.0, look.time_s - self._settings.audio_s), look.time_s),
            audio_rate=AUDIO_RATE_HZ,
            camera=look.truth.camera.model,
        )

    def _sample(
        self, name: str, look: _Look, seen: Observation, more: tuple[LabelledTask, ...]
    ) -> Sample:
        episode = self._episode
        tasks = (*perceived(look.truth, episode.scene.place, self._rng), *more)
        return Sample(
            key=f"{episode.task}_{episode.seed:07d}_{name}",
            observation=seen,
            tasks=tasks,
            meta={
                "task": episode.task,
                "seed": str(episode.seed),
                "split": episode.split.value,
                "instruction": episode.instruction,
            },
        )

    def _wanted(self, heard: str, plan: TaskPlan, goal: _Look) -> tuple[LabelledTask, ...]:
        """What was heard at the instruction, what to do, and what it leads to."""
        said = self._episode.instruction
        first = TaskPlan(plan.action_space, plan.steps[:1], plan.frame_id)
        picture = Picture("generated", goal.truth.colour, said)
        tasks = [
            _task("goal_image", Answer(pictures=(picture,)), said),
            _task("audio_caption", Answer(text=heard)),
        ]
        if self._episode.scene.place is Place.TABLE:
            tasks += [
                _task("plan", Answer(plan=plan), said, action_space=plan.action_space),
                _task("next_action", Answer(plan=first), said, action_space=plan.action_space),
            ]
        else:
            tasks.append(_task("navigate", Answer(plan=first), said, action_space="pointnav"))
        return tuple(tasks)

    def _done(self) -> tuple[LabelledTask, ...]:
        """What was done, as the last pictures show it."""
        tag = SIM_TASKS[self._episode.task].tag
        return (
            _task("demonstration_caption", Answer(text=self._episode.doing)),
            _task("video_caption", Answer(text=self._episode.doing)),
            _task("video_tag", Answer(text=tag)),
        )


def perceived(
    truth: SceneTruth, place: Place, rng: np.random.Generator
) -> tuple[LabelledTask, ...]:
    """The tasks that a single picture answers."""
    tasks = [
        _task("caption", Answer(text=caption(truth, place))),
        _task("depth", Answer(pictures=(Picture("depth", truth.depth),))),
        _task("normals", Answer(pictures=(Picture("normals", truth.normals),))),
        *(_task("vqa", Answer(text=asked.answer), asked.text) for asked in questions(truth, rng)),
    ]
    if truth.objects:
        tasks += _about_objects(truth, rng)
    return tuple(tasks)


def _about_objects(truth: SceneTruth, rng: np.random.Generator) -> list[LabelledTask]:
    seen = truth.objects
    detections = tuple(one.detection for one in seen)
    one = seen[int(rng.integers(len(seen)))]
    alike = tuple(other for other in seen if other.label == one.label)
    found = tuple(other.detection for other in alike)
    cuboids = tuple(other.cuboid for other in seen)
    return [
        _task("detect", Answer(detections=detections)),
        _task("localize", Answer(detections=found), one.label),
        _task("cuboids", Answer(cuboids=cuboids)),
        _region_task("categorize", one, Answer(text=one.label)),
        _region_task("segment", one, Answer(pictures=(_mask(one),)), one.label),
        *([_task("refexp", Answer(detections=found), one.label)] if len(alike) == 1 else []),
    ]


def _mask(truth: ObjectTruth) -> Picture:
    return Picture("mask", truth.mask, truth.label)


def _region_task(task: str, about: ObjectTruth, answer: Answer, said: str = "") -> LabelledTask:
    return LabelledTask(Instruction(said, task, region=about.box), _named(answer, task))


def _task(task: str, answer: Answer, said: str = "", action_space: str = "") -> LabelledTask:
    return LabelledTask(Instruction(said, task, action_space=action_space), _named(answer, task))


def _named(answer: Answer, task: str) -> Answer:
    return replace(answer, task=task)
