"""Samples of tables that are only looked at: many scenes, one picture of each camera.

Pictures of an episode resemble each other; what a model learns to see, it learns from many scenes.
Every picture has all that is true of it: each object by every expression that fits it alone, its
mask and cuboid, all kinds of questions, false premises, and what is to be done to obey random
instructions, or that of the episode which begins so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from uio2_ros.data.sample import SEEDS, LabelledTask, Sample
from uio2_ros.data.simulated_tasks import (
    Generator,
    drawn,
    expressions,
    labelled,
)
from uio2_ros.robot.answer import Answer, Detection, Picture
from uio2_ros.robot.box import Box
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.settings import check, setting
from uio2_ros.sim import PictureSize, Split, World, sample_episode
from uio2_ros.sim.beyond import strange_questions, stranger
from uio2_ros.sim.language import called
from uio2_ros.sim.motions import carry, table_plan
from uio2_ros.sim.questions import absent_label, caption, false_premises, questions
from uio2_ros.sim.relations import CONTAINERS
from uio2_ros.sim.sampling import Cast, NoRoomError, table_scene
from uio2_ros.sim.spec import ObjectSpec, Place, SceneSpec, Shape, Size
from uio2_ros.sim.splits import generator
from uio2_ros.sim.tasks.put import FITTING, INTO, ONTO
from uio2_ros.sim.truth import ObjectTruth, SceneTruth, observe

TARGET_SHARE = 0.75
"""Of scenes, how many have something to put things in or on for certain."""
QUESTIONS_OF_EACH_KIND = 4
ABSENT_CLASSES = 2
POINTS = 3
"""Named points of a picture that are asked for."""
POINT_RADIUS = 6.0
"""Pixels around a point that are its region."""
PLANS = 4
"""Instructions for each picture."""


@dataclass(frozen=True)
class SceneSettings:
    """Which scenes, and how they are drawn.

    tasks: episodes whose starts are looked at, in turn, with the plan of the oracle; without any,
    tables of random objects. drawn: depth, normals and the picture are asked for, too.
    """

    split: Split = Split.TRAIN
    seed: int = setting(0, "of the first scene", high=SEEDS)
    size: PictureSize = field(default=PictureSize(320, 240))
    most_objects: int = setting(7, "of a table", low=1)
    samples_per_pixel: int = setting(4, "4: smooth edges, at half the speed of 0")
    tasks: tuple[str, ...] = ()
    under_way: float = setting(
        0.0, "share of starts that are looked at after some steps were done, 0 to 1", high=1
    )
    drawn: bool = False

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class SceneShards:
    """Shards of so many scenes each."""

    settings: SceneSettings
    scenes: int

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of the shard's scenes."""
        # One thread draws a picture of this size about as fast as several.
        os.environ.setdefault("LP_NUM_THREADS", "0")
        for number in range(shard * self.scenes, (shard + 1) * self.scenes):
            yield from samples_of_scene(self.settings.seed + number, self.settings)


def samples_of_scene(seed: int, settings: SceneSettings) -> Iterator[Sample]:
    """What every camera sees of the scene of a seed. Equal arguments give equal samples."""
    rng = generator("looked-at", seed, settings.split)
    meta = {"seed": str(seed), "split": settings.split.value}
    if settings.tasks:
        task = settings.tasks[seed % len(settings.tasks)]
        episode = sample_episode(task, seed, settings.split, settings.size)
        with World(episode.scene, settings.samples_per_pixel) as world:
            episode.begin(world)
            plan = episode.oracle(world)
            if settings.under_way and len(plan.steps) > 1 and rng.uniform() < settings.under_way:
                plan = _begun(world, plan, int(rng.integers(1, len(plan.steps))))
            obeyed = tuple(_obey(episode.instruction, plan, world.scene.place))
            yield from _looks(world, rng, {**meta, "task": task}, lambda _: obeyed, settings.drawn)
        return
    with World(_scene(rng, settings), settings.samples_per_pixel) as world:
        plans = partial(_plans, world, split=settings.split, rng=rng)
        yield from _looks(world, rng, meta, plans, settings.drawn)


def _begun(world: World, plan: TaskPlan, steps: int) -> TaskPlan:
    """The rest of a plan, of which so many steps were done."""
    for step in plan.steps[:steps]:
        world.execute(step)
    return replace(plan, steps=plan.steps[steps:])


def _looks(
    world: World,
    rng: Generator,
    meta: dict[str, str],
    plans: Callable[[SceneTruth], Iterable[LabelledTask]],
    pictures: bool,
) -> Iterator[Sample]:
    """What each camera sees, and what can be asked about it."""
    place = world.scene.place
    for camera in world.scene.cameras:
        truth = observe(world, camera.name)
        asked = (*_tasks(truth, place, Split(meta["split"]), rng), *plans(truth))
        yield Sample(
            key=f"scene_{int(meta['seed']):07d}_{camera.name}",
            observation=Observation(
                image=Frame(truth.colour, 0, f"{camera.name}_optical_frame"),
                camera=truth.camera.model,
            ),
            tasks=(*asked, *drawn(truth, caption(truth, place))) if pictures else asked,
            meta={**meta, "camera": camera.name},
        )


def _scene(rng: Generator, settings: SceneSettings) -> SceneSpec:
    """Objects of any kind and size; as many as fit of the number drawn."""
    cast = Cast(rng, settings.split)
    count = int(rng.integers(1, settings.most_objects + 1))
    try:
        if count > 1 and rng.uniform() < TARGET_SHARE:
            cast.add(tuple(FITTING), size=Size.LARGE if rng.uniform() < 0.7 else None)
        while len(cast.objects) < count:
            cast.add(tuple(Shape), lead=not cast.objects)
    except NoRoomError:
        pass  # the table is full
    return table_scene(cast, settings.size)


def _tasks(truth: SceneTruth, place: Place, split: Split, rng: Generator) -> Iterator[LabelledTask]:
    yield labelled("caption", Answer(text=caption(truth, place)))
    yield labelled("detect", Answer(detections=tuple(one.detection for one in truth.objects)))
    yield labelled("cuboids", Answer(cuboids=tuple(one.cuboid for one in truth.objects)))
    for text, meant in expressions(truth):
        yield labelled("refexp", Answer(detections=(Detection(meant.box, text),)), text)
    for one in truth.objects:
        yield from _about(one)
    for shape in dict.fromkeys(seen.spec.shape for seen in truth.objects):
        boxes = [seen.box for seen in truth.objects if seen.spec.shape is shape]
        found = tuple(Detection(box, shape.value) for box in boxes)
        yield labelled("localize", Answer(detections=found), shape.value)
    for _ in range(ABSENT_CLASSES):
        yield labelled("localize", Answer(), absent_label(truth, split, rng))
    for asked in questions(truth, split, rng, of_each_kind=QUESTIONS_OF_EACH_KIND):
        yield labelled("vqa", Answer(text=asked.answer), asked.text)
    for asked in (*false_premises(truth, split, rng), *strange_questions(split, rng)):
        yield labelled("vqa", Answer(text=asked.answer), asked.text)
    yield labelled("localize", Answer(), stranger(split, rng))
    yield from _points(truth, rng)


def _about(one: ObjectTruth) -> Iterator[LabelledTask]:
    found = (one.detection,)
    mask = (Picture("mask", one.mask, one.label),)
    yield labelled("localize", Answer(detections=found), one.label)
    yield labelled("segment", Answer(detections=found, pictures=mask), one.label)
    yield labelled("categorize", Answer(text=one.label), region=one.box)


def _points(truth: SceneTruth, rng: Generator) -> Iterator[LabelledTask]:
    """Named points as the regions around them."""
    named = [(one, point) for one in truth.objects for point in one.keypoints.points]
    seen = [(one, point) for one, point in named if point.visible]
    size = truth.camera.model
    for number in rng.permutation(len(seen))[:POINTS].tolist():
        one, point = seen[number]
        text = f"the {point.name.replace('_', ' ')} of the {one.label}"
        x, y = point.x + 0.5, point.y + 0.5  # points are centres of pixels, boxes edges
        box = Box(
            max(0.0, x - POINT_RADIUS),
            max(0.0, y - POINT_RADIUS),
            min(float(size.width), x + POINT_RADIUS),
            min(float(size.height), y + POINT_RADIUS),
        )
        yield labelled("refexp", Answer(detections=(Detection(box, text),)), text)


def _plans(world: World, truth: SceneTruth, split: Split, rng: Generator) -> Iterator[LabelledTask]:
    """Put one thing in or on another, both of which are seen."""
    there = [seen.spec for seen in truth.objects]
    pairs = [
        (moved, target)
        for target in there
        for moved in there
        if moved is not target and moved.shape in FITTING.get(target.shape, ())
    ]
    for number in rng.permutation(len(pairs))[:PLANS].tolist():
        moved, target = pairs[number]
        plan = _put(world, moved, target)
        wordings = INTO if target.shape in CONTAINERS else ONTO
        said = wordings.say(rng, split, x=called(moved), y=called(target))
        yield from _obey(said, plan, Place.TABLE)


def _obey(said: str, plan: TaskPlan, place: Place) -> Iterator[LabelledTask]:
    first = replace(plan, steps=plan.steps[:1])
    if place is Place.ROOM:
        yield labelled("navigate", Answer(plan=first), said, action_space=plan.action_space)
        return
    yield labelled("plan", Answer(plan=plan), said, action_space=plan.action_space)
    yield labelled("next_action", Answer(plan=first), said, action_space=plan.action_space)


def _put(world: World, moved: ObjectSpec, target: ObjectSpec) -> TaskPlan:
    x, y, _ = world.pose(target.name).position.tolist()
    return table_plan(carry(world, moved.name, x, y))
