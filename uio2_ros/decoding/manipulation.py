"""VIMA manipulation steps: their text form, their tokens, and metres. numpy only.

A step reads `1: pick from ( <x> <y> <r> ) and place to ( <x> <y> <r> )`, or push from and push to
(model.md section 9; VIMA, arXiv 2210.03094). A location bin of n stands for
n / number of bins, in [0, 1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from uio2_ros.decoding.automaton import Automaton, Grammar, Pattern, either, repeat, sequence
from uio2_ros.decoding.reading import LocationToken, read_runs
from uio2_ros.decoding.template import template
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary, location_bin

POSE_PLACES = 3  # x y r


class Primitive(Enum):
    """The two motions of VIMA: the words before the start pose and before the end pose."""

    PICK_PLACE = ("pick from", "and place to")
    PUSH = ("push from", "and push to")


@dataclass(frozen=True)
class UnitPose:
    """A pose in fractions of the workspace, each in [0, 1): x, y, and turns about +z."""

    x: float
    y: float
    turn: float


@dataclass(frozen=True)
class ManipulationStep:
    """One manipulation step."""

    primitive: Primitive
    start: UnitPose
    end: UnitPose


def step_text(number: int, primitive: Primitive) -> str:
    """The template of step `number` (1, 2, ...); `{}` stands for a location token."""
    start, end = primitive.value
    return f"{number}: {start} ( {{}} {{}} {{}} ) {end} ( {{}} {{}} {{}} )"


def manipulation_steps(symbols: Symbols, *, at_most: int, at_least: int = 1) -> Grammar:
    """Between at_least and at_most steps, numbered from 1."""
    if not 1 <= at_least <= at_most:
        raise ValueError(f"steps need 1 <= at_least <= at_most, got {at_least} and {at_most}")
    following: Pattern = sequence()
    for number in range(at_most, 0, -1):
        following = sequence(_step(symbols, number), following)
        if number > at_least:
            following = repeat(following, 0, 1)
    return Automaton(symbols, following)


def _step(symbols: Symbols, number: int) -> Pattern:
    before = step_text(number - 1, Primitive.PICK_PLACE) if number > 1 else ""
    return either(
        *(template(symbols, step_text(number, primitive), before) for primitive in Primitive)
    )


_WORDS_BEFORE_START = re.compile(r"(\d+)\s*:\s*(pick|push) from \($")
_WORDS_BEFORE_END = re.compile(r"^\) and (place|push) to \($")
_WORDS_AFTER = re.compile(r"^\)")


def parse_manipulation(
    vocabulary: Vocabulary, tokens: Sequence[int]
) -> tuple[ManipulationStep, ...]:
    """The steps the tokens stand for. Raises ValueError, with the text, for anything but steps."""
    runs = read_runs(vocabulary, tokens)
    text = vocabulary.decode(list(tokens))
    if len(runs) < 3 or runs[0].places or len(runs) % 2 == 0:
        raise ValueError(_unreadable(text))
    motions = []
    for before, start, end in zip(runs[0:-2:2], runs[1::2], runs[2::2], strict=True):
        opening = _WORDS_BEFORE_START.search(before.text)
        joining = _WORDS_BEFORE_END.search(start.text)
        if not (opening and joining and _WORDS_AFTER.search(end.text)):
            raise ValueError(_unreadable(text))
        primitive = _primitive(opening[2], joining[1], text)
        motions.append(
            ManipulationStep(
                primitive, _pose(vocabulary, start.places), _pose(vocabulary, end.places)
            )
        )
    return tuple(motions)


def _primitive(opening: str, joining: str, text: str) -> Primitive:
    words = (f"{opening} from", f"and {joining} to")
    if words not in [primitive.value for primitive in Primitive]:
        raise ValueError(_unreadable(text))
    return Primitive(words)


def _pose(vocabulary: Vocabulary, places: Sequence[LocationToken]) -> UnitPose:
    if len(places) != POSE_PLACES:
        raise ValueError(
            f"a pose has {POSE_PLACES} location tokens (x, y, rotation), got {len(places)}"
        )
    bins = len(vocabulary.location_ids)
    return UnitPose(*(location_bin(vocabulary, place.token) / bins for place in places))


def _unreadable(text: str) -> str:
    form = step_text(1, Primitive.PICK_PLACE).replace("{}", "<location>")
    return f"the answer is no sequence of manipulation steps like {form!r}: {text!r}"
