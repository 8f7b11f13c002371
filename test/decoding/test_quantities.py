import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.decoding import Range
from uio2_ros.decoding.quantities import fractions_from, fractions_of, tokens_of


@given(st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_many_at_a_time_are_what_the_tokenizer_makes_of_one(tokenizer, fraction):
    token = tokenizer.location_id(fraction)
    assert tokens_of(tokenizer, [fraction]).tolist() == [token]
    assert fractions_of(tokenizer, [token])[0] == pytest.approx(tokenizer.location_value(token))


def test_every_token_keeps_its_bin(tokenizer):
    tokens = np.array(tokenizer.location_ids)
    assert (tokens_of(tokenizer, fractions_of(tokenizer, tokens)) == tokens).all()


def test_golden_boxes_are_read_alike(tokenizer, golden_tasks):
    # a square of 384 pixels is its own canvas
    (entry,) = (e for e in golden_tasks["location_tokens"] if e["shape"] == [384, 384])
    assert fractions_of(tokenizer, entry["tokens"]) * 384 == pytest.approx(
        np.array(entry["boxes_yxyx"]), abs=1e-4
    )


@pytest.mark.parametrize("fraction", [-0.001, 1.001, float("nan")])
def test_fractions_outside_are_refused(tokenizer, fraction):
    with pytest.raises(ValueError, match=r"a fraction in \[0, 1\]"):
        tokens_of(tokenizer, [0.5, fraction])


@pytest.mark.parametrize("token", [0, 31999, 33000])
def test_other_tokens_are_refused(tokenizer, token):
    with pytest.raises(ValueError, match=f"token {token} is no location token; expected ids from"):
        fractions_of(tokenizer, [32000, token])


def test_a_value_out_of_range_is_named_with_its_range():
    ranges = (Range(0, 1), Range(-2, 2))
    with pytest.raises(ValueError, match=r"the width of item 1 is 2\.5, tokens cover -2 to 2"):
        fractions_from([[0, 0], [1, 2.5]], ranges, ("the height", "the width"), clip=False)
    assert fractions_from([1, 2.5], ranges, ("h", "w"), clip=True).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="w is nan"):
        fractions_from([1, float("nan")], ranges, ("h", "w"), clip=True)
