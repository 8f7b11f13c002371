"""A grammar whose boxes have an area: the second corner lies below and right of the first.

numpy only.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from uio2_ros.decoding.automaton import NarrowedGrammar
from uio2_ros.decoding.boxes import CORNERS
from uio2_ros.decoding.vocabulary import Mask

FIRST_CORNER = CORNERS // 2  # the coordinates y1 x1, which y2 x2 must exceed


@dataclass(frozen=True)
class _Corners:
    """Where the inner grammar is, and the coordinates of the box under way."""

    inner: Hashable
    box: tuple[int, ...] = ()


class OrderedCorners(NarrowedGrammar):
    """A `Grammar` around another whose locations come four in a row as y1 x1 y2 x2.

    Adds that y2 > y1 and x2 > x1 by one location at least. States are made per box and not kept.
    """

    def initial(self) -> _Corners:
        """The state before the first token."""
        return _Corners(self.inner.initial())

    def allowed(self, state: Hashable) -> Mask:
        """(vocab_size,) read-only: the tokens that may come next."""
        assert isinstance(state, _Corners)
        allowed = self.inner.allowed(state.inner)
        places = self.symbols.vocabulary.location_ids  # descend as the coordinate grows
        if not allowed[places.start]:
            return allowed
        first_too_small = self._first_too_small(state.box)
        ordered: Mask = np.array(allowed)
        ordered[first_too_small : places.stop] = False
        if len(state.box) < FIRST_CORNER:
            ordered[places.start] = False  # nothing lies beyond the last location
        ordered.setflags(write=False)
        return ordered

    def advance(self, state: Hashable, token: int) -> _Corners:
        """The state after one more token; ValueError for one that is not allowed."""
        assert isinstance(state, _Corners)
        inner = self.inner.advance(state.inner, token)
        places = self.symbols.vocabulary.location_ids
        if token not in places:
            return _Corners(inner)
        if token >= self._first_too_small(state.box):
            raise ValueError(
                f"token {token} breaks the grammar: a box's second corner must lie below and "
                "right of its first"
            )
        box = (*state.box, token)
        return _Corners(inner, box if len(box) < CORNERS else ())

    def _first_too_small(self, box: tuple[int, ...]) -> int:
        """The location with the largest coordinate that the next one must exceed."""
        if len(box) < FIRST_CORNER:
            return self.symbols.vocabulary.location_ids.stop
        return box[len(box) - FIRST_CORNER]
