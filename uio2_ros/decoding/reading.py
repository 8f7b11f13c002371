"""Generated tokens as runs of locations and text, the common ground of all parsers. numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, fsum, log

from uio2_ros.decoding.vocabulary import Vocabulary

MISSING = "MISSING"
"""What a model was trained to write in place of the location of something that is not seen."""


@dataclass(frozen=True)
class LocationToken:
    """One location token: its value in [0, 1] and the probability the model gave it."""

    token: int
    value: float
    probability: float


@dataclass(frozen=True)
class LocationRun:
    """Location tokens in a row and the text up to the next location token."""

    places: tuple[LocationToken, ...]
    text: str

    @property
    def located(self) -> str:
        """The text about these places: what follows `MISSING` is about something without any."""
        return self.text.partition(MISSING)[0].strip()


def read_runs(
    vocabulary: Vocabulary, tokens: Sequence[int], probabilities: Sequence[float] | None = None
) -> tuple[LocationRun, ...]:
    """Cut tokens (without start and end) into runs; the first has no places if text comes first.

    probabilities, one per token, default to 1.
    """
    if probabilities is None:
        probabilities = [1.0] * len(tokens)
    if len(probabilities) != len(tokens):
        raise ValueError(f"expected {len(tokens)} probabilities, one per token: {probabilities}")
    return tuple(_runs(vocabulary, list(tokens), list(probabilities)))


def _runs(
    vocabulary: Vocabulary, tokens: list[int], probabilities: list[float]
) -> Iterator[LocationRun]:
    position = 0
    while position < len(tokens):
        start = position
        while position < len(tokens) and tokens[position] in vocabulary.location_ids:
            position += 1
        places = tuple(
            LocationToken(token, vocabulary.location_value(token), probability)
            for token, probability in zip(
                tokens[start:position], probabilities[start:position], strict=True
            )
        )
        start = position
        while position < len(tokens) and tokens[position] not in vocabulary.location_ids:
            position += 1
        yield LocationRun(places, vocabulary.decode(tokens[start:position]).strip())


def confidence(places: Sequence[LocationToken]) -> float:
    """Geometric mean of the probabilities of some location tokens, in [0, 1]."""
    if any(place.probability <= 0 for place in places):
        return 0.0
    return exp(fsum(log(place.probability) for place in places) / len(places))
