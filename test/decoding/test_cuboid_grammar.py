import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.decoding import (
    CanvasPlacement,
    CuboidCodec,
    LocatedCuboid,
    labelled_cuboids,
    parse_cuboids,
)
from uio2_ros.decoding.rotations import spans_no_plane
from uio2_ros.robot.camera_model import CameraModel

CODEC = CuboidCodec()
BOX = (500, 500, 60, 100, 100, 100, 999, 499, 499, 499, 999, 499)
"""Bins of a box before the camera, hardly turned."""


CAMERA = CameraModel(640, 480, 600.0, 600.0, 320.0, 240.0)


@pytest.fixture(scope="module")
def grammar(tokenizer_symbols):
    return labelled_cuboids(tokenizer_symbols, codec=CODEC, at_most=3, label_tokens=6)


@pytest.fixture(scope="module")
def tokens_of_bins(tokenizer):
    return lambda *bins: [tokenizer.location_ids[-1] - number for number in bins]


def test_twelve_locations_and_a_label_or_none(tokenizer, grammar, accepts, tokens_of_bins):
    box, cup = tokens_of_bins(*BOX), tokenizer.encode("red cup")
    for text in ([], box, [*box, *cup], [*box, *box], [*box, *cup, *box, *box, *cup]):
        assert accepts(grammar, text)
    for text in (cup, box[:11], [*box, box[0]], [*cup, *box], box * 4, [*box, *cup, *cup, *cup]):
        assert not accepts(grammar, text)
    assert grammar.longest == 3 * (12 + 6) + 1


def test_given_labels_are_the_only_ones_and_are_needed(
    tokenizer, tokenizer_symbols, accepts, tokens_of_bins
):
    grammar = labelled_cuboids(
        tokenizer_symbols, codec=CODEC, at_most=2, label_tokens=6, labels=("cup", "red table")
    )
    box = tokens_of_bins(*BOX)
    assert accepts(grammar, [*box, *tokenizer.encode("red table"), *box, *tokenizer.encode("cup")])
    assert not accepts(grammar, box)
    assert not accepts(grammar, [*box, *tokenizer.encode("table")])


def test_a_box_lies_before_the_camera(tokenizer, grammar, tokens_of_bins):
    state = grammar.initial()
    for token in tokens_of_bins(*BOX[:2]):
        state = grammar.advance(state, token)
    allowed = grammar.allowed(state)
    # -0.001 + bin * 0.101 / 999 is above 0 from bin 10 on
    assert allowed[tokens_of_bins(10)].all()
    assert not allowed[tokens_of_bins(*range(10))].any()
    assert allowed.sum() == 990
    with pytest.raises(ValueError, match="a 3D box must lie before the camera"):
        grammar.advance(state, tokenizer.location_ids[-1])


def test_the_columns_of_a_rotation_are_not_parallel(grammar, tokens_of_bins):
    column = (999, 300, 700)
    state = grammar.initial()
    for token in tokens_of_bins(*BOX[:6], *column, *column[:2]):
        state = grammar.advance(state, token)
    allowed = grammar.allowed(state)
    assert not allowed[tokens_of_bins(700)].any()
    assert allowed[tokens_of_bins(300, 800)].all()
    with pytest.raises(ValueError, match="a 3D box must have a rotation"):
        grammar.advance(state, *tokens_of_bins(700))


def test_the_last_number_is_refused_where_the_codec_would(tokenizer, grammar, tokens_of_bins):
    rng = np.random.default_rng(5)
    for _ in range(20):
        rotation = rng.choice([0, 1, 498, 499, 500, 501, 999], 5)
        state = grammar.initial()
        for token in tokens_of_bins(*BOX[:6], *rotation):
            state = grammar.advance(state, token)
        allowed = grammar.allowed(state)[tokenizer.location_ids.start : tokenizer.location_ids.stop]
        every = np.array([tokens_of_bins(*BOX[:6], *rotation, n) for n in range(1000)])
        fits = ~spans_no_plane(CODEC.quantities(tokenizer, every)[:, 6:])
        assert (allowed[::-1] == fits).all()
        assert fits.any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_whatever_is_written_under_the_grammar_can_be_read(tokenizer, grammar, write, seed):
    located = parse_cuboids(tokenizer, write(grammar, seed))
    tokens = np.array([box.tokens for box in located]).reshape(-1, 12)
    boxes = CODEC.decode(tokenizer, tokens, CAMERA, CanvasPlacement.whole(480, 640))
    assert (boxes.centers[:, 2] > 0).all()
    assert np.isfinite(boxes.rotations).all()


def test_boxes_labels_and_scores_are_read(tokenizer, tokens_of_bins):
    box, cup = tokens_of_bins(*BOX), tokenizer.encode("red cup")
    certain, unsure = [1.0] * 24, [0.5] * 12
    found = parse_cuboids(
        tokenizer, [*box, *box, *cup, *box], [*certain, *[1.0] * len(cup), *unsure]
    )
    assert [(item.label, item.score) for item in found] == [
        ("", 1.0),
        ("red cup", 1.0),
        ("", pytest.approx(0.5)),
    ]
    assert found[0] == LocatedCuboid(tuple(box))
    assert parse_cuboids(tokenizer, []) == ()


@pytest.mark.parametrize("text", ["cup", "cup {12}", "{11} cup", "{13}", "{12} cup {3}"])
def test_other_texts_are_errors_that_show_the_text(tokenizer, tokens_of_bins, text):
    words = [
        tokens_of_bins(*[500] * int(part[1:-1])) if part[0] == "{" else tokenizer.encode(part)
        for part in text.split()
    ]
    with pytest.raises(ValueError, match="a 3D box has 12 location tokens, got a row of"):
        parse_cuboids(tokenizer, [token for word in words for token in word])
