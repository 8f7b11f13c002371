import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.decoding import (
    COCO_17,
    free_form,
    free_text,
    labelled_boxes,
    locations,
    named_points,
    options,
    parse_boxes,
    parse_keypoints,
    single_box,
)

SEEDS = st.integers(0, 2**32 - 1)


def test_a_box_is_four_locations_and_nothing_else(symbols, accepts, boxes_text):
    grammar = single_box(symbols)
    assert accepts(grammar, boxes_text(0.0, 0.1, 0.5, 1.0))
    assert not accepts(grammar, boxes_text(0.0, 0.1, 0.5))
    assert not accepts(grammar, boxes_text(0.0, 0.1, 0.5, 1.0, "cup"))
    assert grammar.longest == 5


def test_no_box_is_an_answer(symbols, accepts):
    assert accepts(labelled_boxes(symbols, at_most=2, label_tokens=3), [])


def test_each_box_needs_a_label(symbols, accepts, boxes_text):
    grammar = labelled_boxes(symbols, at_most=2, label_tokens=3)
    box = (0.0, 0.1, 0.5, 1.0)
    assert accepts(grammar, boxes_text(*box, "red cup", *box, "table"))
    assert not accepts(grammar, boxes_text(*box, *box, "table"))
    assert not accepts(grammar, boxes_text(*box, "cup", *box, "cup", *box, "cup"))
    assert not accepts(grammar, boxes_text(*box, "red red red cup"))


def test_given_labels_are_the_only_ones(symbols, accepts, boxes_text):
    grammar = labelled_boxes(symbols, at_most=2, label_tokens=3, labels=("red cup", "red"))
    box = (0.0, 0.1, 0.5, 1.0)
    assert accepts(grammar, boxes_text(*box, "red", *box, "red cup"))
    assert not accepts(grammar, boxes_text(*box, "cup"))


def test_free_text_has_no_locations_and_is_never_blank(symbols, words, accepts, boxes_text):
    grammar = free_text(symbols, longest=3)
    assert accepts(grammar, words.encode("red cup"))
    assert not accepts(grammar, boxes_text("red", 0.5))
    assert not accepts(grammar, [])
    assert not accepts(grammar, [words.pieces.index(" ")])
    assert accepts(grammar, words.encode("red red cup"))
    assert accepts(grammar, [words.pieces.index(" "), *words.encode("red cup")])
    assert not accepts(grammar, words.encode("red red red cup"))
    assert not accepts(grammar, words.encode("[A]"))


def test_free_form_mixes_text_and_locations(symbols, accepts, boxes_text):
    grammar = free_form(symbols, longest=6)
    assert accepts(grammar, boxes_text("red cup", 0.1, 0.2, "table"))
    assert accepts(grammar, boxes_text(0.1))
    assert not accepts(grammar, boxes_text("[A]"))
    assert not accepts(grammar, [])


def test_options_are_the_only_answers(symbols, words, accepts):
    grammar = options(symbols, ("stop", "go forward", "go"))
    assert accepts(grammar, words.encode("go"))
    assert accepts(grammar, words.encode("go forward"))
    assert not accepts(grammar, words.encode("go go"))


def test_impossible_grammars_are_errors(symbols):
    with pytest.raises(ValueError, match="at least one token, got 0"):
        locations(symbols, 0)
    with pytest.raises(ValueError, match="room for at least one token, got 0"):
        free_text(symbols, 0)
    with pytest.raises(ValueError, match="must not be blank"):
        options(symbols, ("go", " "))


def test_pose_grammar_allows_the_released_answer(tokenizer_symbols, golden_keypoints, accepts):
    assert accepts(named_points(tokenizer_symbols, COCO_17), golden_keypoints)


def test_pose_grammar_leaves_no_choice_but_the_locations(tokenizer_symbols, golden_keypoints):
    grammar = named_points(tokenizer_symbols, COCO_17)
    state = grammar.initial()
    for token in golden_keypoints:
        place = token in tokenizer_symbols.vocabulary.location_ids
        assert grammar.allowed(state).sum() == (1000 if place else 1)
        state = grammar.advance(state, token)
    assert grammar.longest == len(golden_keypoints) + 1


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_whatever_is_written_under_the_boxes_grammar_can_be_read(tokenizer_symbols, write, seed):
    tokenizer = tokenizer_symbols.vocabulary
    grammar = labelled_boxes(tokenizer_symbols, at_most=5, label_tokens=4)
    tokens = write(grammar, seed)
    boxes = parse_boxes(tokenizer, tokens)
    assert sum(token in tokenizer.location_ids for token in tokens) == 4 * len(boxes)
    assert all(box.label for box in boxes)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_whatever_is_written_under_the_pose_grammar_has_every_joint(tokenizer_symbols, write, seed):
    tokens = write(named_points(tokenizer_symbols, COCO_17), seed)
    points = parse_keypoints(tokenizer_symbols.vocabulary, tokens)
    assert tuple(point.name for point in points) == COCO_17


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_free_text_is_never_blank(tokenizer_symbols, write, seed):
    tokens = write(free_text(tokenizer_symbols, longest=4), seed)
    assert tokenizer_symbols.vocabulary.decode(tokens).strip()


def test_boxes_grammar_allows_the_released_answer(tokenizer_symbols, accepts, golden_tasks):
    released = golden_tasks["detection"]
    tokens = tokenizer_symbols.vocabulary.encode(released["text"])
    assert accepts(labelled_boxes(tokenizer_symbols, at_most=2, label_tokens=12), tokens)
    (first, *_) = boxes = parse_boxes(tokenizer_symbols.vocabulary, tokens)
    assert first.yxyx == pytest.approx(released["boxes_yxyx_normalized"][0])
    assert [box.label for box in boxes] == [label.strip() for label in released["labels"]]
