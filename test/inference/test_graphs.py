"""Functions of static shape: captured once for inputs of each shape, replayed from then on."""

from __future__ import annotations

import gc
import logging

import pytest
import torch

from uio2_ros.decoding import COCO_17, Symbols, manipulation_steps, named_points, single_box
from uio2_ros.inference import Engine, Sampling
from uio2_ros.inference.beam_search import search_beams
from uio2_ros.inference.generation import generate_tokens
from uio2_ros.inference.graphs import Graphs
from uio2_ros.inference.texts import TextRequest

CPU = torch.device("cpu")


class Tape:
    """Records like CUDA: a replay runs the same call, on what its inputs hold by then."""

    def __init__(self, problem=None):
        self.warm_ups = self.records = self.replays = 0
        self._problem = problem

    def warm_up(self, run):
        self.warm_ups += 1
        run()

    def record(self, run):
        if self._problem is not None:
            raise self._problem
        self.records += 1
        outputs = run()
        for output in outputs:
            output.fill_(-1)  # capturing computes nothing

        def replay():
            self.replays += 1
            for output, new in zip(outputs, run(), strict=True):
                output.copy_(new)

        return replay, outputs


def doubled(x, power):
    return (x * 2**power,)


def test_a_function_is_captured_once_for_each_shape_and_replayed_with_new_inputs():
    tape = Tape()
    graphs = Graphs(CPU, recorder=tape)
    first = graphs(doubled, torch.ones(3), 1)[0]
    second = graphs(doubled, torch.full((3,), 5.0), 1)[0]
    assert (tape.warm_ups, tape.records, tape.replays) == (1, 1, 2)
    assert second.tolist() == [10.0] * 3
    assert first.tolist() == [2.0] * 3, "what was given before is not overwritten"
    graphs(doubled, torch.ones(4), 1)
    graphs(doubled, torch.ones(3), 2)
    graphs(doubled, torch.ones(3, dtype=torch.int64), 1)
    assert (tape.records, len(graphs)) == (4, 4)


def test_the_number_of_graphs_is_bounded():
    tape = Tape()
    graphs = Graphs(CPU, recorder=tape, most=2)
    for length in (1, 2, 3, 3, 1):
        assert graphs(doubled, torch.ones(length), 1)[0].tolist() == [2.0] * length
    assert (len(graphs), tape.records) == (2, 4)


def test_without_graphs_the_function_runs_on_the_same_tensors():
    places = []

    def seen(x):
        places.append(x.data_ptr())
        return (x + 1,)

    graphs = Graphs(CPU)
    results = [graphs(seen, torch.full((2,), float(n)))[0].tolist() for n in range(3)]
    assert results == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert len(set(places)) == 1
    assert not graphs.problem


def test_a_capture_that_fails_is_told_and_the_function_goes_on_without(caplog):
    tape = Tape(problem=RuntimeError("operation not permitted when stream is capturing"))
    graphs = Graphs(CPU, recorder=tape)
    with caplog.at_level(logging.ERROR):
        assert graphs(doubled, torch.ones(2), 1)[0].tolist() == [2.0, 2.0]
        assert graphs(doubled, torch.ones(2), 1)[0].tolist() == [2.0, 2.0]
    (record,) = caplog.records
    assert "doubled cannot be captured: operation not permitted" in record.message
    assert graphs.problem in record.message
    assert tape.warm_ups == 1


def test_lack_of_memory_is_no_failed_capture():
    graphs = Graphs(CPU, recorder=Tape(problem=torch.OutOfMemoryError("CUDA out of memory")))
    with pytest.raises(torch.OutOfMemoryError):
        graphs(doubled, torch.ones(2), 1)
    assert not graphs.problem


def test_what_is_forgotten_is_captured_anew():
    tape = Tape()
    graphs = Graphs(CPU, recorder=tape)
    graphs(doubled, torch.ones(2), 1)
    graphs.forget()
    graphs(doubled, torch.ones(2), 1)
    assert tape.records == 2


@pytest.fixture
def taped(engine):
    """An engine whose static functions are replayed, and what counts it."""
    tape = Tape()
    return Engine(engine.model, engine.processor, graphs=Graphs(CPU, recorder=tape)), tape


def finished(engine, example, grammar):
    texts = engine.texts()
    (writing,) = texts.admit(engine.encode(example), [TextRequest(grammar)])
    while len(texts):
        texts.step()
    return writing


def test_what_instructions_need_is_captured_beforehand(taped, five_modalities, unequal):
    static, tape = taped
    static.capture(rows=1)
    made = tape.records
    assert made == tape.warm_ups == len(static.graphs) > 0
    grammar = single_box(Symbols.of(static.tokenizer))
    static.forget()
    for example in (five_modalities, *unequal):
        finished(static, example, grammar)
    assert tape.records == made
    assert static.graphs.problem == ""


def test_replayed_texts_are_those_of_the_plain_decoder(taped, engine, five_modalities):
    static, tape = taped
    grammar = manipulation_steps(Symbols.of(static.tokenizer), at_most=2)
    plain = finished(engine, five_modalities, grammar)
    replayed = finished(static, five_modalities, grammar)
    assert replayed.tokens == plain.tokens
    assert replayed.probabilities == pytest.approx(plain.probabilities, rel=1e-3)
    assert tape.replays > replayed.passes


def test_more_texts_than_there_is_room_for_move_to_a_larger_one(taped, engine, unequal):
    static, _ = taped
    grammar = named_points(Symbols.of(static.tokenizer), COCO_17[:4])
    texts, begun = static.texts(), []
    for example in (*unequal, *unequal[:2]):
        begun += texts.admit(static.encode(example), [TextRequest(grammar)])
        texts.step()
    while len(texts):
        texts.step()
    for example, writing in zip((*unequal, *unequal[:2]), begun, strict=True):
        assert writing.tokens == finished(engine, example, grammar).tokens


def test_texts_of_a_second_batch_do_not_wait_for_the_graphs_of_the_first(taped, engine, unequal):
    static, _ = taped
    grammar = single_box(Symbols.of(static.tokenizer))
    first, second = static.texts(), static.texts()
    (one,) = first.admit(static.encode(unequal[0]), [TextRequest(grammar)])
    (two,) = second.admit(static.encode(unequal[1]), [TextRequest(grammar)])
    while len(first) or len(second):
        for texts in (first, second):
            if len(texts):
                texts.step()
    for example, writing in zip(unequal, (one, two), strict=False):
        assert writing.tokens == finished(engine, example, grammar).tokens
    replays = taped[1].replays
    second.admit(static.encode(unequal[1]), [TextRequest(grammar)])
    second.step()
    assert taped[1].replays > replays, "the graphs are free again"


def test_graphs_left_with_texts_that_nobody_finishes_are_free_when_those_are_gone(taped, unequal):
    static, tape = taped
    grammar = single_box(Symbols.of(static.tokenizer))
    left = static.texts()
    left.admit(static.encode(unequal[0]), [TextRequest(grammar)])
    del left
    gc.collect()
    replays = tape.replays
    assert finished(static, unequal[0], grammar).passes <= tape.replays - replays


@pytest.mark.parametrize("number", range(3))
def test_padded_encoders_give_what_the_encoders_give(engine, unequal, number):
    static = Engine(engine.model, engine.processor, graphs=Graphs(CPU))
    engine.forget()
    want, got = engine.encode(unequal[number]), static.encode(unequal[number])
    assert got.hidden.shape == want.hidden.shape
    torch.testing.assert_close(got.hidden, want.hidden, rtol=1e-4, atol=1e-5)


def test_graphs_are_for_cuda_and_can_be_off():
    assert Engine.synthetic("tiny", device="cpu", cuda_graphs="auto").graphs is None
    with pytest.raises(ValueError, match="cuda_graphs must be auto or off, got 'on'"):
        Engine.synthetic("tiny", device="cpu", cuda_graphs="on")


@pytest.mark.parametrize(
    ("modality", "sampling", "copies"),
    [
        ("image", Sampling(top_p=0.9, guidance_scale=3.0, seed=4, max_new_tokens=12), 1),
        ("audio", Sampling(top_p=0.9, seed=(4, 5, 6, 7), max_new_tokens=12), 2),
        ("text", Sampling(beams=3, max_new_tokens=12), 3),
        ("text", Sampling(max_new_tokens=12), 1),
    ],
    ids=["guided picture", "sounds", "beams", "texts"],
)
def test_replayed_generations_are_those_of_the_plain_decoder(
    taped, engine, unequal, modality, sampling, copies
):
    def written(decoder):
        state = decoder.prefill(engine.encode(*unequal[:2]), 12, copies, modality)
        if sampling.beams > 1:
            return search_beams(decoder, state, sampling, end_id=1).sequences
        guided = sampling.guidance_scale is not None
        return generate_tokens(
            decoder, state, sampling, modality=modality, end_id=None, guided=guided
        ).sequences

    static, tape = taped
    with torch.inference_mode():
        want = written(engine.model)
        assert written(static.decoder) == want
    assert tape.replays >= 12 > tape.records == 1


def test_a_generation_beside_texts_leaves_them_their_graphs(taped, engine, unequal):
    static, _ = taped
    grammar = named_points(Symbols.of(static.tokenizer), COCO_17[:4])
    texts = static.texts()
    (writing,) = texts.admit(static.encode(unequal[0]), [TextRequest(grammar)])
    texts.step()
    sampling = Sampling(max_new_tokens=4)
    beside = static.generate(unequal[1:], sampling=sampling)
    while len(texts):
        texts.step()
    assert writing.tokens == finished(engine, unequal[0], grammar).tokens
    alone = engine.generate(unequal[1:], sampling=sampling)
    assert [one.tokens for one in beside] == [one.tokens for one in alone]


def test_numbers_that_overflowed_do_not_reach_the_next_text(engine, unequal):
    rows = engine.model.static_rows(1)
    for tensor in rows._held.tensors():
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)
    with torch.inference_mode():
        rows.admit(engine.encode(unequal[1]))
        tokens, starts = torch.tensor([[0]]), torch.tensor([0])
        assert rows.step(rows.width, tokens, starts, "text").isfinite().all()
