"""What can be asked and said about a scene truly seen: questions with answers, and captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from uio2_ros.sim.sounds import SOUNDS
from uio2_ros.sim.spec import Colour, Place, Shape
from uio2_ros.sim.splits import Split, kinds_named
from uio2_ros.sim.truth import ObjectTruth, SceneTruth
from uio2_ros.sim.world import World

BESIDE_PIXELS = 0.05  # of the picture's width: less is neither left nor right


@dataclass(frozen=True)
class Question:
    """A question about a picture and its short answer."""

    text: str
    answer: str


def questions(
    truth: SceneTruth, split: Split, rng: np.random.Generator, *, of_each_kind: int = 2
) -> tuple[Question, ...]:
    """Questions of all kinds that the picture can answer, at most so many of each kind."""
    kinds = (
        list(_counts(truth)),
        list(_colours(truth)),
        list(_shapes(truth)),
        list(_presences(truth, split, rng)),
        list(_sides(truth)),
    )
    drawn: list[Question] = []
    for kind in kinds:
        order = rng.permutation(len(kind))[:of_each_kind]
        drawn += [kind[number] for number in order.tolist()]
    return tuple(drawn)


def false_premises(truth: SceneTruth, rng: np.random.Generator) -> Iterator[Question]:
    """A question about a shape and one about a colour that the picture does not show."""
    shapes = [shape for shape in Shape if all(shape != seen.spec.shape for seen in truth.objects)]
    colours = [one for one in Colour if all(one != seen.spec.colour for seen in truth.objects)]
    if shapes:
        shape = shapes[int(rng.integers(len(shapes)))].value
        yield Question(f"What colour is the {shape}?", f"there is no {shape}")
    if colours:
        colour = colours[int(rng.integers(len(colours)))].value
        yield Question(f"What is the {colour} object?", f"there is no {colour} object")


def absent_label(truth: SceneTruth, split: Split, rng: np.random.Generator) -> str:
    """What somebody could call an object that is not seen."""
    there = {seen.spec.kind for seen in truth.objects}
    absent = [kind for kind in kinds_named(split) if kind not in there]
    colour, shape = absent[int(rng.integers(len(absent)))]
    return f"{colour.value} {shape.value}"


def _counts(truth: SceneTruth) -> Iterator[Question]:
    yield Question("How many objects are there?", str(len(truth.objects)))
    for shape, count in Counter(seen.spec.shape for seen in truth.objects).items():
        yield Question(f"How many {shape.value}s are there?", str(count))
    for colour, count in Counter(seen.spec.colour for seen in truth.objects).items():
        yield Question(f"How many {colour.value} objects are there?", str(count))


def _colours(truth: SceneTruth) -> Iterator[Question]:
    counts = Counter(seen.spec.shape for seen in truth.objects)
    for seen in truth.objects:
        if counts[seen.spec.shape] == 1:
            yield Question(f"What colour is the {seen.spec.shape.value}?", seen.spec.colour.value)


def _shapes(truth: SceneTruth) -> Iterator[Question]:
    counts = Counter(seen.spec.colour for seen in truth.objects)
    for seen in truth.objects:
        if counts[seen.spec.colour] == 1:
            yield Question(f"What is the {seen.spec.colour.value} object?", seen.spec.shape.value)


def _presences(truth: SceneTruth, split: Split, rng: np.random.Generator) -> Iterator[Question]:
    """As many yes as no."""
    for seen in sorted(truth.objects, key=lambda one: one.label):
        yield Question(f"Is there a {seen.label}?", "yes")
        yield Question(f"Is there a {absent_label(truth, split, rng)}?", "no")


def _sides(truth: SceneTruth) -> Iterator[Question]:
    least = BESIDE_PIXELS * truth.camera.model.width
    for seen in truth.objects:
        for other in truth.objects:
            gap = other.box.center[0] - seen.box.center[0]
            if abs(gap) > least:
                text = f"Is the {seen.label} left of the {other.label}?"
                yield Question(text, "yes" if gap > 0 else "no")


def caption(truth: SceneTruth, place: Place) -> str:
    """One sentence that names what is seen, from left to right."""
    where = "on a table" if place is Place.TABLE else "in a room"
    ordered = sorted(truth.objects, key=_middle)
    if not ordered:
        return f"Nothing {where}."
    names = [f"{_article(seen.label)} {seen.label}" for seen in ordered]
    listed = ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    return f"{listed[0].upper()}{listed[1:]} {where}."


def heard_words(world: World, seconds: float) -> tuple[str, ...]:
    """What the sounds of the last seconds are called, in the order they began."""
    names = world.physics.sounds.heard(world.time_s - seconds, world.time_s)
    return tuple(SOUNDS[name].words for name in names)


def audio_caption(world: World, seconds: float) -> str:
    """One sentence about the last seconds of sound."""
    words = heard_words(world, seconds)
    if not words:
        return "Silence."
    sentence = ", then ".join(words)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _middle(seen: ObjectTruth) -> float:
    return seen.box.center[0]


def _article(word: str) -> str:
    return "an" if word[0] in "aeio" else "a"
