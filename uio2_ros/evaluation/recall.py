"""Where the world memory says that things are, against where the simulator has them.

A scene is looked at, a policy that knows the scene acts, and it is looked at again. After each look
every object that the picture shows is asked for by its name. The memory is that of the agent's
node, in the frame of the scene, with depth and the camera's pose from the simulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from uio2_ros.evaluation.scores import Estimate, mean, rate
from uio2_ros.memory.lifting import Lifter
from uio2_ros.memory.memory_file import IN_MEMORY
from uio2_ros.memory.settings import MemorySettings
from uio2_ros.memory.world_memory import Searched, Survey, WorldMemory
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.time import to_ns
from uio2_ros.serving import Answerer
from uio2_ros.sim import Episode, Split, World, sample_episode
from uio2_ros.sim.cameras import PictureSize
from uio2_ros.sim.spec import Place
from uio2_ros.sim.truth import ObjectTruth, SceneTruth, observe

WITHIN_M = 0.05
BEFORE, AFTER = "before", "after"
FOUND_BY = ("truth", "detect", "refexp")
"""True boxes; the boxes of one question for everything; those of one question for each object."""

Found = tuple[Answer, Searched]
Finder = Callable[[SceneTruth, Observation], Found]


@dataclass(frozen=True)
class RecallRecord:
    """One object asked for; error_m is None where the memory knew nothing of its name.

    moment: before or after the policy acted. moved: whether it lies elsewhere than before.
    """

    scene: str
    place: str
    boxes: str
    moment: str
    label: str
    moved: bool
    error_m: float | None


@dataclass(frozen=True)
class RecallSummary:
    """Of the objects asked for: how many were known; of these, errors, and how many were within
    `WITHIN_M`; and how many of all that were asked for were."""

    place: str
    boxes: str
    moment: str
    known: Estimate
    error_m: Estimate
    median_m: float
    p95_m: float
    within: Estimate
    within_of_all: Estimate


def finders(answerer: Answerer | None) -> dict[str, Finder]:
    """By name; without a model the true boxes only."""
    found: dict[str, Finder] = {"truth": _truth}
    if answerer is not None:
        found["detect"] = lambda _, seen: _detect(answerer, seen)
        found["refexp"] = lambda truth, seen: _each(answerer, truth, seen)
    return found


def recalls(
    task: str, seed: int, size: PictureSize, finders: dict[str, Finder]
) -> Iterator[RecallRecord]:
    """What comes of one held-out scene. Equal arguments give equal records."""
    episode = sample_episode(task, seed, Split.HELD_OUT, size)
    memories = {name: WorldMemory(MemorySettings(IN_MEMORY)) for name in finders}
    with World(episode.scene) as world:
        episode.begin(world)
        first = _places(world)
        yield from _looked(episode, world, finders, memories, first, BEFORE)
        world.execute_plan(episode.oracle(world))
        yield from _looked(episode, world, finders, memories, first, AFTER)


def _looked(
    episode: Episode,
    world: World,
    finders: dict[str, Finder],
    memories: dict[str, WorldMemory],
    first: dict[str, np.ndarray],
    moment: str,
) -> Iterator[RecallRecord]:
    camera = episode.scene.cameras[0].name
    truth = observe(world, camera)
    stamp_ns = to_ns(world.time_s)
    frame = Frame(truth.colour, stamp_ns, f"{camera}_optical_frame")
    seen = Observation(image=frame, camera=truth.camera.model)
    now = _places(world)
    for name, find in finders.items():
        memory = memories[name]
        memory.merge(_survey(truth, stamp_ns, *find(truth, seen)), stamp_ns)
        for thing in truth.objects:
            moved = float(np.linalg.norm(now[thing.spec.name] - first[thing.spec.name])) > WITHIN_M
            yield RecallRecord(
                scene=f"{episode.task}_{episode.seed}",
                place=episode.scene.place.value,
                boxes=name,
                moment=moment,
                label=thing.label,
                moved=moved,
                error_m=_error_m(memory, thing, now[thing.spec.name], stamp_ns),
            )


def _survey(truth: SceneTruth, stamp_ns: int, answer: Answer, searched: Searched) -> Survey:
    x, y, z = truth.camera.position.tolist()
    return Survey(
        stamp_ns=stamp_ns,
        camera=truth.camera.model,
        camera_pose=Pose3D((x, y, z), truth.camera.quaternion_wxyz()),
        objects=tuple(Lifter(truth.camera.model, truth.depth).objects(answer)),
        searched=searched,
        depth=truth.depth,
    )


def _error_m(
    memory: WorldMemory, thing: ObjectTruth, place: np.ndarray, now_ns: int
) -> float | None:
    """How far the best answer is from the true centre of the box around the object."""
    found = memory.recall(f"where is the {thing.label}?", now_ns, most=1)
    return float(np.linalg.norm(np.array(found[0].pose.position) - place)) if found else None


def _places(world: World) -> dict[str, np.ndarray]:
    """The centres of the boxes around all objects, metres in the frame of the scene."""
    return {
        thing.name: world.pose(thing.name).apply(np.array([world.form(thing.name).centre]))[0]
        for thing in world.scene.objects
    }


def _truth(truth: SceneTruth, _: Observation) -> Found:
    return Answer(detections=tuple(one.detection for one in truth.objects)), Searched(True)


def _detect(answerer: Answerer, seen: Observation) -> Found:
    asked = Instruction("", "detect")
    return answerer.submit(asked, seen, timeout_s=math.inf).result(), Searched(True)


def _each(answerer: Answerer, truth: SceneTruth, seen: Observation) -> Found:
    """Each object by its name, in one batch."""
    names = tuple(one.label for one in truth.objects)
    asked = [(Instruction(name, "refexp"), seen) for name in names]
    answers = [each.result() for each in answerer.submit_together(asked, timeout_s=math.inf)]
    found = [
        replace(one, label=name)
        for name, answer in zip(names, answers, strict=True)
        for one in answer.detections
    ]
    return Answer(detections=tuple(found)), Searched(names=names)


def summaries(records: Sequence[RecallRecord]) -> list[RecallSummary]:
    """One for each place, way to find boxes and moment; objects that moved count after only."""
    found = []
    for place in (Place.TABLE.value, Place.ROOM.value):
        for boxes in FOUND_BY:
            for moment in (BEFORE, AFTER):
                mine = [
                    one
                    for one in records
                    if (one.place, one.boxes, one.moment) == (place, boxes, moment)
                ]
                if mine:
                    found.append(_summary(place, boxes, moment, mine))
    return found


def _summary(place: str, boxes: str, moment: str, records: Sequence[RecallRecord]) -> RecallSummary:
    errors = [one.error_m for one in records if one.error_m is not None]
    near = sum(error <= WITHIN_M for error in errors)
    return RecallSummary(
        place=place,
        boxes=boxes,
        moment=moment,
        known=rate(len(errors), len(records)),
        error_m=mean(errors),
        median_m=float(np.median(errors)) if errors else math.nan,
        p95_m=float(np.percentile(errors, 95)) if errors else math.nan,
        within=rate(near, len(errors)),
        within_of_all=rate(near, len(records)),
    )
