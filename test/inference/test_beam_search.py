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
    """By trying every text."""
    found: list[tuple[float, tuple[int, ...]]] = []
    for length in range(longest + 1):
        for text in itertools.product(WORDS, repeat=length):
            ended = (*text, END) if length < longest else text
            if length < shortest or (length == 0 and not ended):
                continue
            found.append((log_probability(ended) / len(ended) ** length_penalty, text))
    return list(max(found)[1])


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
    """The total log-probability of the found text is that of decoding it alone."""
    model, example = engine.model, engine.processor("Pick up the mug.")
    sampling = Sampling(beams=4, max_new_tokens=6, min_new_tokens=6, logits_processors=[keep_few])
    (found,) = engine.generate([example], sampling=sampling)
    (greedy,) = engine.generate([example], sampling=dataclasses.replace(sampling, beams=1))

    def total(tokens: list[int]) -> float:
        targets = torch.tensor([tokens])
        with torch.inference_mode():
            memory = model.remember(engine.encode(example))
            logits = model.decode_targets(memory, targets)[0]
        prefixes = [torch.tensor([[0, *tokens[:n]]]) for n in range(len(tokens))]
        few = torch.cat([keep_few(p, row[None]) for p, row in zip(prefixes, logits, strict=True)])
        return float(few.log_softmax(-1).gather(1, targets.T).sum())

    assert total(found.tokens) >= total(greedy.tokens)
    assert total(found.tokens) == pytest.approx(best_of_all(total), abs=1e-3)


def keep_few(_: Tensor, scores: Tensor) -> Tensor:
    """Two tokens only, whose scores the model decides, so that all 64 texts can be tried."""
    kept = torch.full_like(scores, -torch.inf)
    kept[:, list(WORDS[:2])] = scores[:, list(WORDS[:2])] * 20
    return kept


def best_of_all(total: Any) -> float:
    return max(total(list(text)) for text in itertools.product(WORDS[:2], repeat=6))


def test_stop_ends_a_beam(engine: Engine) -> None:
    def stop(text: np.ndarray) -> bool:
        return len(text) == 2

    sampling = Sampling(beams=3, max_new_tokens=5, min_new_tokens=5, logits_processors=[toy])
    (found,) = engine.generate([engine.processor("Go.")], sampling=sampling, stop=stop)
    assert len(found.tokens) == 2


def test_a_grammar_with_one_way_ends_all_beams(engine: Engine) -> None:
    script = [40, 50, END]

    def only(tokens: Tensor, scores: Tensor) -> Tensor:
        place = min(tokens.shape[1] - 1, 2)
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
