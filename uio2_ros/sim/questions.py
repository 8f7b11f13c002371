"""What can be asked and said about a scene truly seen: questions with answers, and captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from uio2_ros.sim.language import Wordings
from uio2_ros.sim.sounds import SOUNDS
from uio2_ros.sim.spec import Colour, Place, Shape
from uio2_ros.sim.splits import Split, kinds_named
from uio2_ros.sim.truth import ObjectTruth, SceneTruth
from uio2_ros.sim.world import World

COUNT = Wordings(
    train=(
        "How many objects are there?",
        "How many things are there?",
        "How many objects do you see?",
        "How many things can you see?",
        "Count the objects.",
        "What is the number of objects?",
    ),
    held_out=("How many objects are in the picture?", "How many things do you count?"),
)
COUNT_OF_SHAPE = Wordings(
    train=(
        "How many {x}s are there?",
        "How many {x}s do you see?",
        "How many {x}s can you see?",
        "Count the {x}s.",
        "What is the number of {x}s?",
    ),
    held_out=("How many {x}s are in the picture?", "How many {x}s do you count?"),
)
COUNT_OF_COLOUR = Wordings(
    train=(
        "How many {x} objects are there?",
        "How many {x} things are there?",
        "How many {x} objects do you see?",
        "How many things are {x}?",
        "Count the {x} objects.",
        "What is the number of {x} objects?",
    ),
    held_out=("How many {x} objects are in the picture?", "How many {x} things do you count?"),
)
COLOUR = Wordings(
    train=(
        "What colour is the {x}?",
        "What color is the {x}?",
        "Which colour is the {x}?",
        "What is the colour of the {x}?",
        "Which colour has the {x}?",
        "What colour does the {x} have?",
    ),
    held_out=("Which color does the {x} have?", "What is the {x}'s colour?"),
)
SHAPE = Wordings(
    train=(
        "What is the {x} object?",
        "What is the {x} thing?",
        "What object is {x}?",
        "Which object is {x}?",
        "What kind of object is the {x} one?",
        "What {x} object is there?",
    ),
    held_out=("Which thing is {x}?", "What kind of thing is the {x} object?"),
)
PRESENCE = Wordings(
    train=(
        "Is there {a} {x}?",
        "Do you see {a} {x}?",
        "Can you see {a} {x}?",
        "Is {a} {x} there?",
        "Is there any {x}?",
        "Is there {a} {x} here?",
    ),
    held_out=("Is there {a} {x} in the picture?", "Do you see any {x}?"),
)
LEFT = Wordings(
    train=(
        "Is the {x} left of the {y}?",
        "Is the {x} to the left of the {y}?",
        "Is the {y} right of the {x}?",
        "Is the {y} to the right of the {x}?",
        "Is the {x} further left than the {y}?",
    ),
    held_out=("Is the {x} on the left of the {y}?", "Is the {y} further right than the {x}?"),
)
QUESTIONS = (COUNT, COUNT_OF_SHAPE, COUNT_OF_COLOUR, COLOUR, SHAPE, PRESENCE, LEFT)

BESIDE_PIXELS = 0.05  # of the picture's width: less is neither left nor right


@dataclass(frozen=True)
class Question:
    """A question about a picture and its short answer."""

    text: str
    answer: str


class Say(Protocol):
    """Makes a question of its wordings and its answer, in the words of a split."""

    def __call__(self, wordings: Wordings, answer: str, **parts: str) -> Question: ...


def questions(
    truth: SceneTruth, split: Split, rng: np.random.Generator, *, of_each_kind: int = 2
) -> tuple[Question, ...]:
    """Questions of all kinds that the picture can answer, at most so many of each kind."""
    say = partial(_said, rng, split)
    kinds = (
        list(_counts(truth, say)),
        list(_colours(truth, say)),
        list(_shapes(truth, say)),
        list(_presences(truth, split, rng, say)),
        list(_sides(truth, say)),
    )
    drawn: list[Question] = []
    for kind in kinds:
        order = rng.permutation(len(kind))[:of_each_kind]
        drawn += [kind[number] for number in order.tolist()]
    return tuple(drawn)


def false_premises(truth: SceneTruth, split: Split, rng: np.random.Generator) -> Iterator[Question]:
    """A question about a shape and one about a colour that the picture does not show."""
    say = partial(_said, rng, split)
    shapes = [shape for shape in Shape if all(shape != seen.spec.shape for seen in truth.objects)]
    colours = [one for one in Colour if all(one != seen.spec.colour for seen in truth.objects)]
    if shapes:
        shape = shapes[int(rng.integers(len(shapes)))].value
        yield say(COLOUR, f"there is no {shape}", x=shape)
    if colours:
        colour = colours[int(rng.integers(len(colours)))].value
        yield say(SHAPE, f"there is no {colour} object", x=colour)


def absent_label(truth: SceneTruth, split: Split, rng: np.random.Generator) -> str:
    """What somebody could call an object that is not seen."""
    there = {seen.spec.kind for seen in truth.objects}
    absent = [kind for kind in kinds_named(split) if kind not in there]
    colour, shape = absent[int(rng.integers(len(absent)))]
    return f"{colour.value} {shape.value}"


def _said(
    rng: np.random.Generator, split: Split, wordings: Wordings, answer: str, **parts: str
) -> Question:
    return Question(wordings.say(rng, split, **parts), answer)


def _counts(truth: SceneTruth, say: Say) -> Iterator[Question]:
    yield say(COUNT, str(len(truth.objects)))
    for shape, count in Counter(seen.spec.shape for seen in truth.objects).items():
        yield say(COUNT_OF_SHAPE, str(count), x=shape.value)
    for colour, count in Counter(seen.spec.colour for seen in truth.objects).items():
        yield say(COUNT_OF_COLOUR, str(count), x=colour.value)


def _colours(truth: SceneTruth, say: Say) -> Iterator[Question]:
    counts = Counter(seen.spec.shape for seen in truth.objects)
    for seen in truth.objects:
        if counts[seen.spec.shape] == 1:
            yield say(COLOUR, seen.spec.colour.value, x=seen.spec.shape.value)


def _shapes(truth: SceneTruth, say: Say) -> Iterator[Question]:
    counts = Counter(seen.spec.colour for seen in truth.objects)
    for seen in truth.objects:
        if counts[seen.spec.colour] == 1:
            yield say(SHAPE, seen.spec.shape.value, x=seen.spec.colour.value)


def _presences(
    truth: SceneTruth, split: Split, rng: np.random.Generator, say: Say
) -> Iterator[Question]:
    """As many yes as no."""
    for seen in sorted(truth.objects, key=lambda one: one.label):
        for answer, label in (("yes", seen.label), ("no", absent_label(truth, split, rng))):
            yield say(PRESENCE, answer, a=article(label), x=label)


def _sides(truth: SceneTruth, say: Say) -> Iterator[Question]:
    least = BESIDE_PIXELS * truth.camera.model.width
    for seen in truth.objects:
        for other in truth.objects:
            gap = other.box.center[0] - seen.box.center[0]
            if abs(gap) > least:
                yield say(LEFT, "yes" if gap > 0 else "no", x=seen.label, y=other.label)


def caption(truth: SceneTruth, place: Place) -> str:
    """One sentence that names what is seen, from left to right."""
    where = "on a table" if place is Place.TABLE else "in a room"
    ordered = sorted(truth.objects, key=_middle)
    if not ordered:
        return f"Nothing {where}."
    names = [f"{article(seen.label)} {seen.label}" for seen in ordered]
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


def article(word: str) -> str:
    """ "a" or "an"."""
    return "an" if word[0] in "aeio" else "a"
