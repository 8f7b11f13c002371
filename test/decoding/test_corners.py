"""Boxes under the grammar have an area."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.decoding import labelled_boxes, parse_boxes, single_box


@given(seed=st.integers(0, 2**32 - 1))
def test_any_choice_of_allowed_tokens_is_a_box_with_an_area(symbols, seed):
    random = np.random.default_rng(seed)
    grammar = labelled_boxes(symbols, at_most=2, label_tokens=2, at_least=2)
    state, tokens = grammar.initial(), []
    for _ in range(grammar.longest):
        token = int(random.choice(np.flatnonzero(grammar.allowed(state))))
        state = grammar.advance(state, token)
        tokens.append(token)
    boxes = parse_boxes(symbols.vocabulary, tokens[:-1])
    assert len(boxes) == 2
    assert all(box.y2 > box.y1 and box.x2 > box.x1 for box in boxes)


def test_the_last_location_is_left_for_the_second_corner(symbols):
    grammar = single_box(symbols)
    last = symbols.vocabulary.location_ids.start
    state = grammar.initial()
    for token in (last + 1, last + 1):
        assert not grammar.allowed(state)[last]
        state = grammar.advance(state, token)
    for _ in range(2):
        assert np.flatnonzero(grammar.allowed(state)).tolist() == [last]
        state = grammar.advance(state, last)
    assert np.flatnonzero(grammar.allowed(state)).tolist() == [symbols.vocabulary.end_id]


def test_a_second_corner_above_the_first_is_refused(symbols):
    grammar = single_box(symbols)
    state = grammar.initial()
    middle = symbols.vocabulary.location_id(0.5)
    for token in (middle, middle):
        state = grammar.advance(state, token)
    with pytest.raises(ValueError, match="below and right of its first"):
        grammar.advance(state, middle)
