import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uio2_ros.decoding import PointCodec

METRES = st.floats(-50, 50)


@given(arrays(np.float64, (3, 3), elements=METRES))
@settings(max_examples=50, deadline=None)
def test_positions_come_back_within_one_bin(tokenizer, positions):
    codec = PointCodec()
    back = codec.decode(tokenizer, codec.encode(tokenizer, positions))
    bin_m = (codec.range.high - codec.range.low) / (len(tokenizer.location_ids) - 1)
    assert np.abs(back - positions).max() <= bin_m + 1e-5


@given(st.lists(st.integers(32000, 32999), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_tokens_of_a_position_are_read_and_written_the_same(tokenizer, tokens):
    codec = PointCodec()
    once = codec.encode(tokenizer, codec.decode(tokenizer, [tokens]))
    # the axis that is turned around rounds to its other side: one bin, and then no further
    assert np.abs(once - tokens).max() <= 1
    assert np.abs(codec.encode(tokenizer, codec.decode(tokenizer, once)) - tokens).max() <= 1


def test_forward_left_and_up_are_minus_z_minus_x_and_y_of_habitat(tokenizer):
    codec = PointCodec(reach_m=10.0)
    tokens = codec.encode(tokenizer, [[10.0, -10.0, 0.0]])
    assert tokens.tolist() == [[32000, 32999, 32500]]  # x right, z backward, y up


def test_clipping_keeps_positions_within_reach(tokenizer):
    codec = PointCodec()
    clipped = codec.decode(tokenizer, codec.encode(tokenizer, [[80.0, 0.0, -80.0]], clip=True))
    assert clipped[0] == pytest.approx([50.0, 0.0, -50.0], abs=0.11)


@pytest.mark.parametrize("clip", [False, True])
def test_positions_that_are_no_numbers_are_refused(tokenizer, clip):
    with pytest.raises(ValueError, match=r"within 50 m .* got nan m"):
        PointCodec().encode(tokenizer, [[math.nan, 0.0, 0.0]], clip=clip)


def test_other_shapes_tokens_and_reaches_are_refused(tokenizer):
    with pytest.raises(ValueError, match=r"positions are \(N, 3\) numbers"):
        PointCodec().encode(tokenizer, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="a position has 3 tokens"):
        PointCodec().decode(tokenizer, [[32000, 32000]])
    with pytest.raises(ValueError, match="token 17 is no location token"):
        PointCodec().decode(tokenizer, [[32000, 17, 32000]])
    with pytest.raises(ValueError, match="more than 0 m, got 0"):
        PointCodec(reach_m=0.0)
