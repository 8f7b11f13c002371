import tracemalloc

import numpy as np
import pytest

from uio2_ros.decoding.automaton import Automaton, either, literal, repeat, sequence, tokens


def allowed_ids(grammar, state):
    return set(np.flatnonzero(grammar.allowed(state)).tolist())


def test_a_literal_allows_its_tokens_one_by_one_and_then_the_end(symbols):
    grammar = Automaton(symbols, literal([5, 6]))
    state = grammar.initial()
    assert allowed_ids(grammar, state) == {5}
    state = grammar.advance(state, 5)
    assert allowed_ids(grammar, state) == {6}
    state = grammar.advance(state, 6)
    assert allowed_ids(grammar, state) == {1}


def test_options_that_start_alike_share_their_start(symbols):
    grammar = Automaton(symbols, either(literal([5, 6]), literal([5, 7]), literal([5])))
    state = grammar.initial()
    assert allowed_ids(grammar, state) == {5}
    assert allowed_ids(grammar, grammar.advance(state, 5)) == {6, 7, 1}


@pytest.mark.parametrize(("count", "fits"), [(0, False), (1, True), (3, True), (4, False)])
def test_repetitions_keep_to_their_bounds(symbols, accepts, count, fits):
    grammar = Automaton(symbols, repeat(literal([5, 6]), 1, 3))
    assert accepts(grammar, [5, 6] * count) is fits


def test_longest_counts_the_end_token(symbols):
    pattern = sequence(repeat(either(literal([5]), literal([5, 6])), 0, 4), tokens(symbols.text))
    assert Automaton(symbols, pattern).longest == 4 * 2 + 1 + 1


def test_after_the_end_only_the_end_is_allowed_and_anything_is_ignored(symbols):
    grammar = Automaton(symbols, literal([5]))
    state = grammar.advance(grammar.advance(grammar.initial(), 5), 1)
    assert allowed_ids(grammar, state) == {1}
    assert grammar.advance(state, 0) == state


def test_a_token_that_is_not_allowed_is_an_error(symbols):
    grammar = Automaton(symbols, literal([5]))
    with pytest.raises(ValueError, match="token 6 breaks the grammar: 1 other tokens"):
        grammar.advance(grammar.initial(), 6)


def test_a_grammar_does_not_grow_with_the_texts_it_has_seen(tokenizer_symbols, write):
    grammar = Automaton(tokenizer_symbols, repeat(tokens(tokenizer_symbols.text), 20, 20))
    write(grammar, 0)
    tracemalloc.start()
    for seed in range(1, 40):
        write(grammar, seed)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 10_000


def test_masks_cannot_be_written_to(symbols):
    grammar = Automaton(symbols, literal([5]))
    mask = grammar.allowed(grammar.initial())
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = True


def test_empty_choices_and_impossible_bounds_are_errors():
    with pytest.raises(ValueError, match="at least one option"):
        either()
    with pytest.raises(ValueError, match="got 3, 2"):
        repeat(literal([5]), 3, 2)
