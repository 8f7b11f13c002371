"""Drawing tokens: settings that make sense, distributions, seeds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.inference import Sampling
from uio2_ros.inference.sampling import TokenChooser, draw, guide

SCORES = torch.tensor([[2.0, 1.0, 0.0, -1.0, -2.0]])
PROBABILITIES = SCORES.softmax(-1)[0]


def drawn(sampling: Sampling, scores: torch.Tensor = SCORES) -> set[int]:
    """All tokens that some draw gives."""
    uniform = torch.linspace(0, 1 - 1e-9, 1001, dtype=torch.float64)
    return set(draw(scores.expand(1001, -1), uniform, sampling).tolist())


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


def test_draws_follow_the_probabilities() -> None:
    uniform = torch.linspace(0, 1 - 1e-9, 10000, dtype=torch.float64)
    tokens = draw(SCORES.expand(10000, -1), uniform, Sampling(temperature=1.0))
    shares = torch.bincount(tokens, minlength=5) / 10000
    torch.testing.assert_close(shares, PROBABILITIES, atol=1e-3, rtol=0)


def test_temperature_sharpens_and_flattens() -> None:
    uniform = torch.linspace(0, 1 - 1e-9, 10000, dtype=torch.float64)
    for temperature in (0.5, 2.0):
        tokens = draw(SCORES.expand(10000, -1), uniform, Sampling(temperature=temperature))
        shares = torch.bincount(tokens, minlength=5) / 10000
        expected = (SCORES / temperature).softmax(-1)[0]
        torch.testing.assert_close(shares, expected, atol=1e-3, rtol=0)


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
    scores=st.lists(st.floats(-30, 30), min_size=2, max_size=20),
    uniform=st.floats(0, 1, exclude_max=True),
    top_k=st.none() | st.integers(1, 25),
    top_p=st.none() | st.floats(0.01, 1.0),
)
def test_impossible_tokens_are_never_drawn(
    scores: list[float], uniform: float, top_k: int | None, top_p: float | None
) -> None:
    row = torch.tensor([[-torch.inf, *scores, -torch.inf]])
    sampling = Sampling(temperature=1.0, top_k=top_k, top_p=top_p)
    token = int(draw(row, torch.tensor([uniform], dtype=torch.float64), sampling))
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


def test_without_a_seed_draws_differ() -> None:
    first, second = choices(None)
    assert first != second
    assert choices(None)[0] != first


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
        ({"beams": 3}, "beam search is not supported, only sampling"),
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**settings)
