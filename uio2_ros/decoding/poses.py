"""Poses as Unified-IO 1 writes them: a place and a digit for each joint, in order. numpy only.

Source: arXiv 2206.08916 and its code. The digit is the visibility of COCO and one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uio2_ros.decoding.automaton import Automaton, Grammar, either, literal, sequence, tokens
from uio2_ros.decoding.keypoints import LocatedPoint
from uio2_ros.decoding.reading import confidence, read_runs
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary

VISIBILITIES = ("1", "2", "3")
"""Not labelled, hidden, visible."""


@dataclass(frozen=True)
class PosePoint:
    """A joint as the model wrote it, and COCO's visibility of it: 0, 1 or 2."""

    point: LocatedPoint
    visibility: int


def pose(symbols: Symbols, count: int) -> Grammar:
    """As many times y, x and a digit."""
    place = tokens(symbols.locations)
    digit = either(*(literal(symbols.vocabulary.encode(digit)) for digit in VISIBILITIES))
    return Automaton(symbols, sequence(*(place, place, digit) * count))


def parse_pose(
    vocabulary: Vocabulary,
    written: Sequence[int],
    names: Sequence[str],
    probabilities: Sequence[float] | None = None,
) -> tuple[PosePoint, ...]:
    """The joints in their order; those that are not labelled, or nothing like one, are left out.

    Fewer or more of them than names are no error: the first ones are taken.
    """
    runs = [run for run in read_runs(vocabulary, written, probabilities) if len(run.places) == 2]
    found = []
    for name, run in zip(names, runs, strict=False):
        if run.located in VISIBILITIES[1:]:
            y, x = run.places
            point = LocatedPoint(name, y.value, x.value, confidence(run.places))
            found.append(PosePoint(point, VISIBILITIES.index(run.located)))
    return tuple(found)
