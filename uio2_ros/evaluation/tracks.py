"""Whether objects keep their ids: sequences of pictures in the simulator, followed and compared
with the truth.

`arm`: the table's cameras stand still, the arm carries objects about and hides them. `drive`: the
base's camera moves through a room where nothing else does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from uio2_ros.evaluation.scores import box_overlap, pairs
from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import to_ns
from uio2_ros.serving import Answerer
from uio2_ros.sim import Oracle, Split, World, run_episode, sample_episode
from uio2_ros.sim.truth import observe
from uio2_ros.watching.object_tracks import ObjectTracks

ARM_TASKS = ("put", "sort", "stack", "swap")
DRIVE_TASKS = ("go_to",)
LEAST_OVERLAP = 0.3
"""IoU from which what is found is an object."""
STABLE = 0.95
"""Of an object's life."""


@dataclass(frozen=True)
class SequencePicture:
    """One picture of a sequence, and what it truly shows; detections by the objects' names."""

    observation: Observation
    truth: dict[str, Detection]


@dataclass(frozen=True)
class LifeOfObject:
    """In how many pictures an object was found, and in how many of them with its id."""

    found: int
    same: int


@dataclass(frozen=True)
class Stability:
    """How well objects of sequences keep their ids."""

    lives: tuple[LifeOfObject, ...]
    shown: int
    """Pictures times objects in them, found or not."""

    @property
    def found(self) -> int:
        return sum(life.found for life in self.lives)

    @property
    def same(self) -> float:
        """Of all times that an object was found, the part with its id."""
        return sum(life.same for life in self.lives) / max(1, self.found)

    @property
    def stable(self) -> float:
        """The part of the objects that have one id for `STABLE` of their life."""
        seen = [life for life in self.lives if life.found]
        return sum(life.same >= STABLE * life.found for life in seen) / max(1, len(seen))


def sequence(task: str, seed: int, rate_hz: float, most: int) -> list[SequencePicture]:
    """What the first camera sees while the oracle does a task; `most` pictures at most."""
    episode = sample_episode(task, seed, Split.HELD_OUT)
    pictures: list[SequencePicture] = []
    with World(episode.scene) as world:

        def look() -> None:
            if len(pictures) < most:
                pictures.append(_picture(world, episode.scene.cameras[0].name))

        world.watch(look, 1 / rate_hz)
        run_episode(episode, Oracle(), world)
    return pictures


def _picture(world: World, camera: str) -> SequencePicture:
    truth = observe(world, camera)
    frame = Frame(truth.colour, to_ns(world.time_s), f"{camera}_optical_frame")
    return SequencePicture(
        Observation(image=frame, camera=truth.camera.model),
        {seen.spec.name: seen.detection for seen in truth.objects},
    )


def true_answers(pictures: Sequence[SequencePicture], *, named: bool) -> Iterator[Answer]:
    """What is truly there; without names all objects are called the same."""
    for picture in pictures:
        found = picture.truth.values()
        yield Answer(
            detections=tuple(
                one if named else Detection(one.box, "object", one.score) for one in found
            )
        )


def model_answers(pictures: Sequence[SequencePicture], answerer: Answerer) -> Iterator[Answer]:
    """What a model finds; RuntimeError with the message of an answer that failed."""
    for picture in pictures:
        answer = answerer.submit(
            Instruction("", "detect"), picture.observation, timeout_s=600.0
        ).result()
        if answer.error_code:
            raise RuntimeError(answer.error_msg)
        yield answer


def lives(
    pictures: Sequence[SequencePicture], answers: Iterator[Answer]
) -> tuple[list[LifeOfObject], int]:
    """The lives of a sequence's objects, and how often one was shown.

    An object's id is the one that makes most of all lives stable, and no two objects have the same.
    """
    tracks = ObjectTracks()
    together: Counter[tuple[str, str]] = Counter()
    for picture, answer in zip(pictures, answers, strict=True):
        found = tracks.followed(answer).detections
        names, true = list(picture.truth), list(picture.truth.values())
        for number, which in pairs(found, true, _overlap):
            together[names[which], found[number].track] += 1
    shown = sum(len(picture.truth) for picture in pictures)
    return _assigned(together), shown


def _overlap(one: Detection, other: Detection) -> float:
    overlap = box_overlap(one.box, other.box)
    return overlap if overlap >= LEAST_OVERLAP else 0.0


def _assigned(together: Counter[tuple[str, str]]) -> list[LifeOfObject]:
    if not together:
        return []
    names, ids = (sorted({pair[side] for pair in together}) for side in (0, 1))
    counts = np.array([[together[name, track] for track in ids] for name in names])
    same = dict(zip(*linear_sum_assignment(counts, maximize=True), strict=True))
    return [
        LifeOfObject(int(counts[row].sum()), int(counts[row, same[row]]) if row in same else 0)
        for row in range(len(names))
    ]
