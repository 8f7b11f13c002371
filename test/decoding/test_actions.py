import pytest

from uio2_ros.decoding import action_steps, parse_action_steps


def test_steps_have_one_location_per_dimension(symbols, accepts, boxes_text):
    grammar = action_steps(symbols, dimensions=2, at_most=3)
    assert accepts(grammar, boxes_text(0.0, 0.1, 0.5, 1.0, 0.3, 0.2))
    for count in (0, 2, 4, 5, 7, 8):
        assert not accepts(grammar, boxes_text(*[0.5] * count))
    assert not accepts(grammar, boxes_text(0.0, 0.1, "cup", 0.3, 0.2))
    assert grammar.longest == 7


def test_fewer_steps_where_asked_for(symbols, accepts, boxes_text):
    grammar = action_steps(symbols, dimensions=2, at_most=3, at_least=1)
    fits = [count for count in range(9) if accepts(grammar, boxes_text(*[0.5] * count))]
    assert fits == [2, 4, 6]


def test_steps_are_read_as_rows_of_fractions(tokenizer, golden_tasks):
    (entry,) = (e for e in golden_tasks["location_tokens"] if e["shape"] == [384, 384])
    flat = [token for row in entry["tokens"] for token in row]
    fractions = parse_action_steps(tokenizer, flat, 6)
    assert fractions.shape == (2, 6)
    released = [value / 384 for row in entry["boxes_yxyx"] for value in row]
    assert fractions.ravel() == pytest.approx(released, abs=1e-6)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_parts_of_steps_are_errors(tokenizer, count):
    with pytest.raises(ValueError, match=f"has 2 location tokens, got {count} tokens"):
        parse_action_steps(tokenizer, [32500] * count, 2)


def test_words_among_the_steps_are_errors(tokenizer):
    with pytest.raises(ValueError, match="token 300 is no location token"):
        parse_action_steps(tokenizer, [32500, 300], 2)


@pytest.mark.parametrize("sizes", [(0, 1, None), (2, 0, None), (2, 2, 3), (2, 2, 0)])
def test_impossible_sizes_are_errors(symbols, sizes):
    dimensions, at_most, at_least = sizes
    with pytest.raises(ValueError, match="1 or more dimensions and 1 <= at_least <= at_most"):
        action_steps(symbols, dimensions=dimensions, at_most=at_most, at_least=at_least)
