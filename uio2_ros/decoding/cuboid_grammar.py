"""The form of an answer of 3D boxes, and its parts. No torch.

Each box is twelve location tokens and its label. No public code shows whether labels were part of
the training: they follow as those of 2D boxes do, and may be left out unless they are prescribed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from uio2_ros.decoding.automaton import Automaton, Grammar, NarrowedGrammar, repeat, sequence
from uio2_ros.decoding.cuboids import CUBOID_TOKENS, DEPTH_TOKEN, ROTATION_TOKENS, CuboidCodec
from uio2_ros.decoding.grammars import label_pattern, places_pattern
from uio2_ros.decoding.reading import confidence, read_runs
from uio2_ros.decoding.rotations import spans_no_plane
from uio2_ros.decoding.vocabulary import Mask, Symbols, Vocabulary

_ROTATION_START = ROTATION_TOKENS.start


@dataclass(frozen=True)
class LocatedCuboid:
    """A 3D box as the model wrote it; the score is the mean probability of its locations."""

    tokens: tuple[int, ...]
    label: str = ""
    score: float = 1.0


def labelled_cuboids(
    symbols: Symbols,
    *,
    codec: CuboidCodec,
    at_most: int,
    label_tokens: int,
    labels: Sequence[str] = (),
    at_least: int = 0,
) -> Grammar:
    """3D boxes that the codec can read, each with a label or none; with `labels`, one of those."""
    label = label_pattern(symbols, label_tokens, labels)
    box = sequence(places_pattern(symbols, CUBOID_TOKENS), label if labels else repeat(label, 0, 1))
    return CuboidForm(Automaton(symbols, repeat(box, at_least, at_most)), codec)


def parse_cuboids(
    vocabulary: Vocabulary, tokens: Sequence[int], probabilities: Sequence[float] | None = None
) -> tuple[LocatedCuboid, ...]:
    """Every 3D box in the tokens, in order; text after a row of locations labels its last box.

    Raises ValueError, with the text, for text before the first box and for rows of locations that
    are no multiple of twelve.
    """
    found: list[LocatedCuboid] = []
    for run in read_runs(vocabulary, tokens, probabilities):
        count = len(run.places)
        if count % CUBOID_TOKENS or not count:
            raise ValueError(
                f"a 3D box has {CUBOID_TOKENS} location tokens, got a row of {count} in "
                f"{vocabulary.decode(list(tokens))!r}"
            )
        for start in range(0, count, CUBOID_TOKENS):
            places = run.places[start : start + CUBOID_TOKENS]
            label = run.text if start + CUBOID_TOKENS == count else ""
            found.append(
                LocatedCuboid(tuple(place.token for place in places), label, confidence(places))
            )
    return tuple(found)


@dataclass(frozen=True)
class _Form:
    """Where the inner grammar is, the box's tokens so far, and those of its rotation."""

    inner: Hashable
    written: int = 0
    rotation: tuple[int, ...] = ()


class CuboidForm(NarrowedGrammar):
    """A `Grammar` around another whose locations come twelve in a row, as 3D boxes.

    Adds that a box lies before the camera and that its rotation is one: locations that would put
    it behind, or leave its columns zero or parallel, are not allowed. States are not kept.
    """

    def __init__(self, inner: Grammar, codec: CuboidCodec) -> None:
        super().__init__(inner)
        self.codec = codec
        self._ahead = codec.describes_a_depth(inner.symbols.vocabulary)
        self._numbers = codec.rotation_numbers(inner.symbols.vocabulary)

    def initial(self) -> _Form:
        """The state before the first token."""
        return _Form(self.inner.initial())

    def allowed(self, state: Hashable) -> Mask:
        """(vocab_size,) read-only: the tokens that may come next."""
        assert isinstance(state, _Form)
        allowed = self.inner.allowed(state.inner)
        places = self.symbols.vocabulary.location_ids
        if state.written not in (DEPTH_TOKEN, CUBOID_TOKENS - 1):
            return allowed
        fitting: Mask = np.array(allowed)
        fitting[places.start : places.stop] &= self._fitting(state)
        fitting.setflags(write=False)
        return fitting

    def advance(self, state: Hashable, token: int) -> _Form:
        """The state after one more token; ValueError for one that is not allowed."""
        assert isinstance(state, _Form)
        inner = self.inner.advance(state.inner, token)
        places = self.symbols.vocabulary.location_ids
        if token not in places:
            return _Form(inner)
        if state.written == DEPTH_TOKEN or state.written == CUBOID_TOKENS - 1:
            self._expect_fitting(state, token)
        if state.written == CUBOID_TOKENS - 1:
            return _Form(inner)
        rotation = (*state.rotation, token) if state.written >= _ROTATION_START else ()
        return _Form(inner, state.written + 1, rotation)

    def _fitting(self, state: _Form) -> Mask:
        """Of all location tokens in the order of their ids, which the codec can read next."""
        if state.written == DEPTH_TOKEN:
            return self._ahead
        first = self.symbols.vocabulary.location_ids.start
        columns = np.empty((len(self._numbers), 6))
        columns[:, :5] = self._numbers[np.array(state.rotation) - first]
        columns[:, 5] = self._numbers
        fitting: Mask = ~spans_no_plane(columns)
        return fitting

    def _expect_fitting(self, state: _Form, token: int) -> None:
        if not self._fitting(state)[token - self.symbols.vocabulary.location_ids.start]:
            what = "lie before the camera" if state.written == DEPTH_TOKEN else "have a rotation"
            raise ValueError(f"token {token} breaks the grammar: a 3D box must {what}")
