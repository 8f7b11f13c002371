"""Beam search against exhaustive search, with grammars, stop conditions and batches."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from uio2_ros.inference import Engine, Generation, Sampling
from uio2_ros.inference.beam_search import search_beams
from uio2_ros.processing import Example

END = 1
WORDS = (40, 50, 60)


def toy(tokens: Tensor, scores: Tensor) -> Tensor:
    """Scores of three words and the end that depend on the text so far and on nothing else."""
    out = torch.full_like(scores, -torch.inf)
    for row, text in enumerate(tokens[:, 1:].tolist()):
        seed = hash(tuple(text)) % 2**32
        noise = np.random.default_rng(seed).standard_normal(4) * 2
        out[row, [END, *WORDS]] = torch.from_numpy(noise).float()
    return out


def best_text(longest: int, shortest: int, length_penalty: float) -> list[int]:
    return ranked_texts(longest, shortest, length_penalty)[0]


def ranked_texts(longest: int, shortest: int, length_penalty: float) -> list[list[int]]:
    """The best one first, by trying every text."""
    found: list[tuple[float, tuple[int, ...]]] = []
    for length in range(longest + 1):
        for text in itertools.product(WORDS, repeat=length):
            ended = (*text, END) if length < longest else text
            if length < shortest or (length == 0 and not ended):
                continue
            found.append((log_probability(ended) / len(ended) ** length_penalty, text))
    return [list(text) for _, text in sorted(found, reverse=True)]


def log_probability(text: tuple[int, ...]) -> float:
    total = 0.0
    for length, token in enumerate(text):
        prefix = torch.tensor([[0, *text[:length]]])
        total += float(toy(prefix, torch.zeros(1, 100)).log_softmax(-1)[0, token])
    return total


def search(engine: Engine, examples: list[Example], **settings: Any) -> list[Generation]:
    return engine.generate(examples, sampling=Sampling(logits_processors=[toy], **settings))


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_enough_beams_find_the_best_text(engine: Engine, length_penalty: float) -> None:
    (found,) = search(
        engine,
        [engine.processor("Go.")],
        beams=27,
        max_new_tokens=4,
        length_penalty=length_penalty,
    )
    assert found.tokens == best_text(4, 0, length_penalty)


def test_the_best_texts_are_kept_in_their_order(engine: Engine) -> None:
    sampling = Sampling(beams=27, max_new_tokens=4, length_penalty=0.0, logits_processors=[toy])
    with torch.inference_mode():
        state = engine.model.prefill(engine.encode(engine.processor("Go.")), 4, 27)
        found = search_beams(engine.model, state, sampling, end_id=END, kept=3)
    assert found.sequences == ranked_texts(4, 0, 0.0)[:3]


def test_a_text_below_the_minimum_does_not_end(engine: Engine) -> None:
    (found,) = search(
        engine, [engine.processor("Go.")], beams=27, max_new_tokens=4, min_new_tokens=3
    )
    assert found.tokens == best_text(4, 3, 1.0)


def test_beams_see_past_a_word_that_leads_nowhere(engine: Engine) -> None:
    def trap(tokens: Tensor, scores: Tensor) -> Tensor:
        """The likelier first word, 40, is followed by any of many; 50 by the end."""
        out = torch.zeros_like(scores)
        for row, text in enumerate(tokens[:, 1:].tolist()):
            out[row, {(): [40, 50], (50,): [END]}.get(tuple(text), [])] = 20.0
            out[row, 40] += 0.1
        return out

    sampling = Sampling(max_new_tokens=2, logits_processors=[trap])
    example = engine.processor("Go.")
    (greedy,) = engine.generate([example], sampling=sampling)
    (found,) = engine.generate([example], sampling=dataclasses.replace(sampling, beams=2))
    assert greedy.tokens[0] == 40
    assert found.tokens == [50]


def test_a_batch_of_unequal_examples_equals_single_runs(
    engine: Engine, unequal: list[Example]
) -> None:
    def noisy(tokens: Tensor, scores: Tensor) -> Tensor:
        noise = torch.stack([toy_noise(row, scores.shape[1]) for row in tokens.tolist()])
        return scores + noise

    def toy_noise(text: list[int], vocabulary: int) -> Tensor:
        seed = hash(tuple(text)) % 2**32
        return torch.from_numpy(np.random.default_rng(seed).standard_normal(vocabulary)).float()

    sampling = Sampling(beams=3, max_new_tokens=6, logits_processors=[noisy])
    together = [g.tokens for g in engine.generate(unequal, sampling=sampling)]
    assert together == [engine.generate([e], sampling=sampling)[0].tokens for e in unequal]
    assert len({tuple(row) for row in together}) > 1


def test_beams_read_the_cache_of_the_text_they_continue(engine: Engine) -> None:
    """The logits that every beam sees are those of decoding its text alone."""
    seen: list[tuple[Tensor, Tensor]] = []

    def record(tokens: Tensor, scores: Tensor) -> Tensor:
        seen.append((tokens, scores))
        return toy(tokens, scores)

    example = engine.processor("Pick up the mug.")
    sampling = Sampling(beams=4, max_new_tokens=6, min_new_tokens=6, logits_processors=[record])
    engine.generate([example], sampling=sampling)
    tokens, logits = seen[-1]
    assert any(not torch.equal(before, tokens[:, : before.shape[1]]) for before, _ in seen)
    with torch.inference_mode():
        memory = engine.model.remember(engine.encode(example))
        alone = engine.model.decode_targets(memory, torch.cat([tokens[:, 1:], tokens[:, :1]], 1))
    torch.testing.assert_close(logits, alone[:, -1], atol=1e-4, rtol=1e-4)


def test_an_example_that_is_done_does_not_change_while_others_go_on(engine: Engine) -> None:
    """Later texts would win by their length, but alone the search ends before they are there."""
    beams = 2

    def scripted(tokens: Tensor, scores: Tensor) -> Tensor:
        out = torch.full_like(scores, -torch.inf)
        for row, text in enumerate(tokens[:, 1:].tolist()):
            if row >= beams or text[:1] == [50]:
                out[row, 60] = 0.0
            elif text:
                out[row, END] = 0.0
            else:
                out[row, [END, 40, 50]] = torch.tensor([0.0, 0.0, -8.0])
        return out

    example = engine.processor("Go.")
    sampling = Sampling(
        beams=beams, max_new_tokens=12, length_penalty=2.0, logits_processors=[scripted]
    )
    (alone,) = engine.generate([example], sampling=sampling)
    together = engine.generate([example] * 2, sampling=sampling)
    assert [g.tokens for g in together] == [alone.tokens, [60] * 12]
    assert alone.tokens == [40]


def test_stop_ends_a_beam(engine: Engine) -> None:
    def stop(text: np.ndarray) -> bool:
        return len(text) == 2

    sampling = Sampling(beams=3, max_new_tokens=5, min_new_tokens=5, logits_processors=[toy])
    (found,) = engine.generate([engine.processor("Go.")], sampling=sampling, stop=stop)
    assert len(found.tokens) == 2


def test_a_grammar_with_one_way_ends_all_beams(engine: Engine) -> None:
    script = [40, 50, END]

    def only(tokens: Tensor, scores: Tensor) -> Tensor:
        place = tokens.shape[1] - 1
        assert tokens[:, 1:].tolist() == [script[:place]] * 4
        return torch.full_like(scores, -torch.inf).index_fill(1, torch.tensor([script[place]]), 0.0)

    seen: list[tuple[int, ...]] = []
    (found,) = engine.generate(
        [engine.processor("Go.")],
        sampling=Sampling(beams=4, max_new_tokens=9, logits_processors=[only]),
        on_token=lambda tokens: seen.append(tokens.shape),
    )
    assert found.tokens == [40, 50]
    assert seen == [(1, 1), (1, 2), (1, 3)]


def test_a_row_without_a_possible_token_is_reported(engine: Engine) -> None:
    sampling = Sampling(beams=2, logits_processors=[lambda _, s: s - torch.inf])
    with pytest.raises(ValueError, match="no token is possible"):
        engine.generate([engine.processor("Go.")], sampling=sampling)
