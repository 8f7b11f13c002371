"""Drawing tokens: settings that make sense, distributions, seeds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from uio2_ros.inference import Sampling
from uio2_ros.inference.sampling import TokenChooser, draw, guide, penalize

SCORES = torch.tensor([[2.0, 1.0, 0.0, -1.0, -2.0]])
PROBABILITIES = SCORES.softmax(-1)[0]


def draws(sampling: Sampling, count: int, scores: torch.Tensor = SCORES) -> torch.Tensor:
    """`count` tokens drawn from one row of scores."""
    races = torch.empty(count, scores.shape[-1])
    races.exponential_(generator=torch.Generator().manual_seed(0))
    return draw(scores.expand(count, -1), races, sampling)


def drawn(sampling: Sampling) -> set[int]:
    """All tokens that some draw gives."""
    return set(draws(sampling, 2000).tolist())


@pytest.mark.parametrize(
    ("sampling", "greedy"),
    [
        (Sampling(), True),
        (Sampling(temperature=0.0), True),
        (Sampling(temperature=0.7), False),
        (Sampling(top_p=0.9), False),
        (Sampling(top_k=4), False),
    ],
)
def test_what_is_greedy(sampling: Sampling, greedy: bool) -> None:
    assert sampling.greedy == greedy


def test_greedy_takes_the_most_probable() -> None:
    assert TokenChooser(Sampling(), 1)(SCORES).tolist() == [0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_p", [None, 1.0])
def test_draws_follow_the_probabilities(temperature: float, top_p: float | None) -> None:
    tokens = draws(Sampling(temperature=temperature, top_p=top_p), 100_000)
    shares = torch.bincount(tokens, minlength=5) / len(tokens)
    expected = (SCORES / temperature).softmax(-1)[0]
    torch.testing.assert_close(shares, expected, atol=5e-3, rtol=0)


def test_rounding_errors_of_the_scores_hardly_change_draws() -> None:
    """Batches compute a little differently than single runs, yet must draw alike."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(50, 16000, generator=generator)
    races = torch.empty(50, 16000).exponential_(generator=generator)
    noise = 1e-6 * torch.randn(50, 16000, generator=generator)
    for sampling in (Sampling(temperature=1.0), Sampling(top_p=0.9)):
        assert torch.equal(draw(scores, races, sampling), draw(scores + noise, races, sampling))


def test_top_k_keeps_the_k_most_probable() -> None:
    assert drawn(Sampling(top_k=2)) == {0, 1}
    assert drawn(Sampling(top_k=100)) == {0, 1, 2, 3, 4}


def test_top_p_keeps_the_fewest_that_reach_p() -> None:
    assert drawn(Sampling(top_p=0.1)) == {0}
    p = float(PROBABILITIES[0])
    assert drawn(Sampling(top_p=p - 1e-3)) == {0}
    assert drawn(Sampling(top_p=p + 1e-3)) == {0, 1}
    assert drawn(Sampling(top_p=1.0)) == {0, 1, 2, 3, 4}


@given(
    scores=st.lists(st.integers(-40, 40), min_size=2, max_size=20),
    seed=st.integers(0, 1000),
    top_k=st.none() | st.integers(1, 25),
    top_p=st.floats(0.01, 0.999),
)
def test_the_winner_is_the_first_of_those_that_top_p_keeps(
    scores: list[int], seed: int, top_k: int | None, top_p: float
) -> None:
    """The definition, by sorting: a token is in if all more probable ones do not reach p."""
    row = torch.tensor([scores], dtype=torch.float32) / 8
    races = torch.empty_like(row).exponential_(generator=torch.Generator().manual_seed(seed))
    least_kept = row[0].sort(descending=True).values[min(top_k or 20, len(scores)) - 1]
    assume(int((row >= least_kept).sum()) == min(top_k or 20, len(scores)))  # no tie at the k-th
    shares = row.where(row >= least_kept, -torch.inf).double().softmax(-1)[0]
    reached = torch.stack([shares[row[0] > score].sum() for score in row[0]])
    assume(bool(((reached - top_p).abs() > 1e-9).all()))
    kept = (reached < top_p) & (row[0] >= least_kept)
    expected = (row[0] - races[0].log()).where(kept, -torch.inf).argmax()
    assert int(draw(row, races, Sampling(top_k=top_k, top_p=top_p))) == int(expected)


@given(
    scores=st.lists(st.floats(-30, 30), min_size=2, max_size=20),
    seed=st.integers(0, 1000),
    top_k=st.none() | st.integers(1, 25),
    top_p=st.none() | st.floats(0.01, 1.0),
)
def test_impossible_tokens_are_never_drawn(
    scores: list[float], seed: int, top_k: int | None, top_p: float | None
) -> None:
    row = torch.tensor([[-torch.inf, *scores, -torch.inf]])
    sampling = Sampling(temperature=1.0, top_k=top_k, top_p=top_p)
    races = torch.empty_like(row).exponential_(generator=torch.Generator().manual_seed(seed))
    token = int(draw(row, races, sampling))
    assert row[0, token].isfinite()


def choices(seed: Any, rows: int = 2, steps: int = 20) -> list[list[int]]:
    chooser = TokenChooser(Sampling(temperature=5.0, seed=seed), rows)
    steps_rows = [chooser(SCORES.expand(rows, -1)).tolist() for _ in range(steps)]
    return [list(row) for row in zip(*steps_rows, strict=True)]


def test_a_seed_gives_the_same_draws_in_every_row_and_run() -> None:
    first, second = choices(3)
    assert first == second == choices(3, rows=1)[0]
    assert first != choices(4)[0]


def test_rows_can_have_their_own_seeds() -> None:
    assert choices((3, 4)) == [choices(3)[0], choices(4)[0]]


@pytest.mark.parametrize("seed", [3 + 2**32, 3 - 2**32, 3 - 2**63, 3 + 2**62])
def test_all_bits_of_a_seed_count(seed: int) -> None:
    assert choices(seed) == choices(seed)
    assert choices(seed)[0] != choices(3)[0]


def test_without_a_seed_draws_differ() -> None:
    first, second = choices(None)
    assert first != second
    assert choices(None)[0] != first


def test_repetition_makes_generated_tokens_less_probable() -> None:
    penalized = penalize(SCORES, torch.tensor([[0, 3, 3]]), 2.0)
    torch.testing.assert_close(penalized, torch.tensor([[1.0, 1.0, 0.0, -2.0, -2.0]]))
    impossible = torch.tensor([[-torch.inf, 1.0]])
    assert penalize(impossible, torch.tensor([[0]]), 2.0).tolist() == [[-torch.inf, 1.0]]


def test_guidance_extrapolates_log_probabilities() -> None:
    main, negative = SCORES, SCORES.flip(-1)
    guided = guide(torch.cat([main, negative]), 2.0)
    torch.testing.assert_close(guided, 3 * main.log_softmax(-1) - 2 * negative.log_softmax(-1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens must be >= 1"),
        ({"min_new_tokens": -1}, "min_new_tokens must be >= 0"),
        ({"min_new_tokens": 5, "max_new_tokens": 4}, "min_new_tokens 5 exceeds max_new_tokens 4"),
        ({"temperature": -0.1}, "temperature must be >= 0"),
        ({"top_k": 0}, "top_k must be >= 1"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\]"),
        ({"top_p": 1.5}, r"top_p must be in \(0, 1\]"),
        ({"temperature": 0.0, "top_p": 0.9}, "need a temperature above 0"),
        ({"beams": 0}, "beams must be >= 1"),
        ({"beams": 3, "top_p": 0.9}, "beams search for the most probable text"),
        ({"beams": 3, "guidance_scale": 2.0}, "beams cannot be guided"),
        ({"length_penalty": float("nan")}, "length_penalty must be finite"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be > 0"),
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)
