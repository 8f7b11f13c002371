import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.decoding import (
    ManipulationStep,
    Primitive,
    UnitPose,
    manipulation_steps,
    parse_manipulation,
)
from uio2_ros.decoding.manipulation import step_text

PICK = "1: pick from ( {} {} {} ) and place to ( {} {} {} )"
PUSH = "1: push from ( {} {} {} ) and push to ( {} {} {} )"


def written(text, bins):
    return text.format(*(f"<extra_id_{200 + number}>" for number in bins))


def test_a_step_reads_as_it_was_trained():
    assert step_text(1, Primitive.PICK_PLACE) == PICK
    assert step_text(1, Primitive.PUSH) == PUSH


def test_bins_are_thousandths_of_the_workspace(tokenizer):
    text = written(PICK, (0, 500, 250, 999, 1, 750))
    assert parse_manipulation(tokenizer, tokenizer.encode(text)) == (
        ManipulationStep(
            Primitive.PICK_PLACE, UnitPose(0.0, 0.5, 0.25), UnitPose(0.999, 0.001, 0.75)
        ),
    )


def test_pushes_and_several_steps_are_told_apart(tokenizer):
    text = written(PICK, range(6)) + " " + written(PUSH, range(6)).replace("1:", "2:")
    primitives = [
        motion.primitive for motion in parse_manipulation(tokenizer, tokenizer.encode(text))
    ]
    assert primitives == [Primitive.PICK_PLACE, Primitive.PUSH]


@pytest.mark.parametrize("count", [1, 2, 12])
def test_the_grammar_allows_what_the_tokenizer_makes_of_steps(tokenizer_symbols, accepts, count):
    grammar = manipulation_steps(tokenizer_symbols, at_most=12)
    steps = (step_text(n, list(Primitive)[n % 2]) for n in range(1, count + 1))
    text = " ".join(steps).replace("{}", "<extra_id_700>")
    assert accepts(grammar, tokenizer_symbols.vocabulary.encode(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1: pick from ( {} {} {} ) and push to ( {} {} {} )",
        "1: pick from ( {} {} {} ) and place to ( {} {} )",
        "2: pick from ( {} {} {} ) and place to ( {} {} {} )",
        "1: pick from ( {} {} {} )",
    ],
)
def test_the_grammar_refuses_other_texts(tokenizer_symbols, accepts, text):
    grammar = manipulation_steps(tokenizer_symbols, at_most=2)
    tokens = tokenizer_symbols.vocabulary.encode(text.replace("{}", "<extra_id_700>"))
    assert not accepts(grammar, tokens)


def test_no_more_steps_than_asked_for(tokenizer_symbols, accepts):
    grammar = manipulation_steps(tokenizer_symbols, at_most=3, at_least=2)
    for count, fits in ((1, False), (2, True), (3, True), (4, False)):
        steps = (step_text(n, Primitive.PUSH) for n in range(1, count + 1))
        text = " ".join(steps).replace("{}", "<extra_id_700>")
        assert accepts(grammar, tokenizer_symbols.vocabulary.encode(text)) is fits


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_whatever_is_written_under_the_grammar_can_be_read(tokenizer_symbols, write, seed):
    tokens = write(manipulation_steps(tokenizer_symbols, at_most=3), seed)
    motions = parse_manipulation(tokenizer_symbols.vocabulary, tokens)
    assert 1 <= len(motions) <= 3
    for motion in motions:
        assert all(0 <= value < 1 for value in (motion.start.x, motion.end.y, motion.end.turn))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pick up the cup",
        "<extra_id_300> <extra_id_300>",
        "1: pick from ( {} {} {} ) and push to ( {} {} {} )",
        "1: pick from ( {} {} {} ) or place to ( {} {} {} )",
        "1: pick from ( {} {} {} )",
        "1: pick from {} {} {} and place to {} {} {}",
    ],
)
def test_other_texts_are_errors_that_show_the_text(tokenizer, text):
    text = text.replace("{}", "<extra_id_700>")
    with pytest.raises(ValueError, match="no sequence of manipulation steps") as problem:
        parse_manipulation(tokenizer, tokenizer.encode(text))
    assert repr(text) in str(problem.value)


def test_a_pose_of_two_numbers_is_an_error(tokenizer):
    text = "1: pick from ( <extra_id_300> <extra_id_300> ) and place to ( <extra_id_300> )"
    with pytest.raises(ValueError, match="3 location tokens"):
        parse_manipulation(tokenizer, tokenizer.encode(text))


def test_impossible_numbers_of_steps_are_errors(symbols):
    with pytest.raises(ValueError, match="got 3 and 2"):
        manipulation_steps(symbols, at_most=2, at_least=3)
