"""Texts written together are the texts that each would be alone, token by token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.cli.bench_decoding import GRAMMARS
from uio2_ros.decoding import COCO_17, Symbols, manipulation_steps, named_points, single_box
from uio2_ros.inference import Engine, Sampling
from uio2_ros.inference.constraint import ConstrainedDecoding
from uio2_ros.inference.graphs import Graphs
from uio2_ros.inference.texts import ConcurrentTexts, TextRequest

FORMS = {
    **GRAMMARS,
    "a plan": lambda symbols: manipulation_steps(symbols, at_most=2),
    "two points": lambda symbols: named_points(symbols, ("left hand", "nose")),
}
DRAWN = {"temperature": 1.5, "top_p": 0.9}


@pytest.fixture(scope="module")
def symbols(engine):
    return Symbols.of(engine.tokenizer)


@pytest.fixture(scope="module", params=["dynamic", "static"])
def new_texts(engine, request):
    """Makes texts whose passes are as large as they must be, or of few shapes as for graphs."""
    if request.param == "dynamic":
        return lambda: ConcurrentTexts(engine.model)
    graphs = Graphs(engine.device)
    return Engine(engine.model, engine.processor, graphs=graphs).texts


def one_by_one(engine, example, request, seed=None):
    """Tokens and probabilities of a text that is decoded alone, a token in every pass."""
    constraint = ConstrainedDecoding(request.grammar, request.force_locations)
    sampling = Sampling(
        max_new_tokens=request.grammar.longest,
        logits_processors=(constraint,),
        **({} if seed is None else {**DRAWN, "seed": seed}),
    )
    (generation,) = engine.generate([example], sampling=sampling)
    tokens = generation.tokens
    return tokens, constraint.probabilities(tokens)


def finish(texts):
    while len(texts):
        texts.step()


def same_text(writing, expected, locations):
    tokens, probabilities = expected
    assert writing.tokens == tokens
    for token, got, want in zip(tokens, writing.probabilities, probabilities, strict=True):
        if token in locations:
            assert got == pytest.approx(want, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
@settings(max_examples=2, deadline=None)
def test_every_grammar_gives_the_text_of_plain_decoding(engine, symbols, new_texts, form, data):
    words = data.draw(st.text("abc ", max_size=12))
    threshold = data.draw(st.sampled_from([None, 0.0, 0.02]))
    seed = data.draw(st.none() | st.integers(0, 2**40))
    drawn = Sampling() if seed is None else Sampling(**DRAWN, seed=seed)
    request = TextRequest(FORMS[form](symbols), threshold, drawn)
    example = engine.processor(words)
    texts = new_texts()
    (writing,) = texts.admit(engine.encode(example), [request])
    finish(texts)
    expected = one_by_one(engine, example, request, seed)
    same_text(writing, expected, symbols.vocabulary.location_ids)
    assert writing.passes <= len(writing.tokens) + 1


@given(
    st.lists(st.tuples(st.sampled_from(sorted(FORMS)), st.integers(0, 6)), min_size=2, max_size=4)
)
@settings(max_examples=3, deadline=None)
def test_texts_that_begin_at_different_times_do_not_disturb_each_other(
    engine, symbols, new_texts, unequal, forms_and_waits
):
    texts, begun = new_texts(), []
    for number, (form, wait) in enumerate(forms_and_waits):
        request = TextRequest(FORMS[form](symbols), 0.02)
        example = unequal[number % len(unequal)]
        begun.append((example, request, *texts.admit(engine.encode(example), [request])))
        for _ in range(min(wait, 99)):
            if len(texts):
                texts.step()
    finish(texts)
    for example, request, writing in begun:
        expected = one_by_one(engine, example, request)
        same_text(writing, expected, symbols.vocabulary.location_ids)


def test_rows_of_one_batch_end_when_each_is_done(engine, symbols, new_texts, unequal):
    requests = [TextRequest(single_box(symbols)), TextRequest(named_points(symbols, COCO_17[:3]))]
    texts = new_texts()
    batch = engine.encode(*unequal[1:])
    first, second = texts.admit(batch, requests)
    finish(texts)
    locations = symbols.vocabulary.location_ids
    same_text(first, one_by_one(engine, unequal[1], requests[0]), locations)
    same_text(second, one_by_one(engine, unequal[2], requests[1]), locations)
    assert first.passes < second.passes


def test_a_text_that_is_withdrawn_leaves_the_others_as_they_are(
    engine, symbols, new_texts, unequal
):
    request = TextRequest(named_points(symbols, COCO_17))
    texts = new_texts()
    writings = [texts.admit(engine.encode(one), [request])[0] for one in unequal]
    texts.step()
    texts.withdraw(writings[0])
    texts.withdraw(writings[0])
    finish(texts)
    for example, writing in zip(unequal[1:], writings[1:], strict=True):
        expected = one_by_one(engine, example, request)
        same_text(writing, expected, symbols.vocabulary.location_ids)


@pytest.mark.parametrize(
    ("grammar", "least_saving"),
    [
        (lambda symbols: manipulation_steps(symbols, at_most=1), 1.8),
        (lambda symbols: named_points(symbols, COCO_17), 1.8),
    ],
    ids=["next_action", "keypoints"],
)
def test_what_the_grammar_forces_takes_no_pass_of_its_own(
    engine, symbols, new_texts, grammar, least_saving
):
    texts = new_texts()
    example = engine.processor("put the cup on the tray")
    (writing,) = texts.admit(engine.encode(example), [TextRequest(grammar(symbols))])
    finish(texts)
    plain_passes = len(writing.tokens) + 1  # and the end
    assert plain_passes >= least_saving * writing.passes


class TokenAtATime:
    """A network without rows of different lengths."""

    def __init__(self, network):
        self._network = network

    def __getattr__(self, name):
        if name == "text_rows":
            raise AttributeError(name)
        return getattr(self._network, name)


def test_networks_that_take_a_token_at_a_time_write_together_as_well(engine, symbols, unequal):
    requests = [
        TextRequest(single_box(symbols)),
        TextRequest(manipulation_steps(symbols, at_most=1)),
    ]
    texts = ConcurrentTexts(TokenAtATime(engine.model))
    begun = texts.admit(engine.encode(*unequal[:2]), requests)
    texts.step()
    begun += texts.admit(engine.encode(unequal[2]), requests[:1])
    finish(texts)
    for example, request, writing in zip(unequal, requests + requests[:1], begun, strict=True):
        expected = one_by_one(engine, example, request)
        same_text(writing, expected, symbols.vocabulary.location_ids)
        assert writing.passes >= len(writing.tokens) - 1
