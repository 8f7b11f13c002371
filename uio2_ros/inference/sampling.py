"""How the next token is chosen: the settings of a generation and the drawing itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

LogitsProcessor = Callable[[Tensor, Tensor], Tensor]
"""f(tokens, scores) -> scores: tokens (B, n) int64 with the start token, scores (B, V) float32."""


@dataclass(frozen=True)
class Sampling:
    """Settings of a generation; the default is greedy.

    max_new_tokens: at most so many tokens, the end token included; None is what the model can take.
    min_new_tokens: the end token is impossible before so many tokens.
    temperature: 0 takes the most probable token, None means 1 where top_k or top_p is given and 0
        where not.
    top_k, top_p: draw from the k most probable tokens, from the fewest that together reach
        probability p. With both, from the tokens that pass both.
    beams: texts kept at every step of a beam search; 1 does without. Greedy only, no guidance.
    length_penalty: beams compare log-probability / length ** length_penalty; above 1 favours long
        texts, 0 ignores the length.
    repetition_penalty: makes tokens that were generated already less probable (above 1), by
        dividing positive logits and multiplying negative ones.
    seed: one for all rows, so that a row of a batch is drawn like a request of its own, or one per
        example; None draws differently every time. Draws do not depend on the device.
    guidance_scale: how far to move away from the `negative` example (classifier-free guidance).
    logits_processors: called in order with the raw logits of every row before anything else.
    """

    max_new_tokens: int | None = None
    min_new_tokens: int = 0
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    beams: int = 1
    seed: int | Sequence[int] | None = None
    guidance_scale: float | None = None
    logits_processors: Sequence[LogitsProcessor] = ()
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        _require(self.max_new_tokens is None or self.max_new_tokens >= 1, "max_new_tokens", ">= 1")
        _require(self.min_new_tokens >= 0, "min_new_tokens", ">= 0")
        _require(self.temperature is None or self.temperature >= 0, "temperature", ">= 0")
        _require(self.top_k is None or self.top_k >= 1, "top_k", ">= 1")
        _require(self.top_p is None or 0 < self.top_p <= 1, "top_p", "in (0, 1]")
        _require(self.beams >= 1, "beams", ">= 1")
        _require(self.repetition_penalty > 0, "repetition_penalty", "> 0")
        _require(math.isfinite(self.length_penalty), "length_penalty", "finite")
        if self.beams > 1 and not self.greedy:
            raise ValueError("beams search for the most probable text: leave temperature out")
        if self.beams > 1 and self.guidance_scale is not None:
            raise ValueError("beams cannot be guided: leave guidance_scale out or set beams to 1")
        if self.temperature == 0 and (self.top_k or self.top_p):
            raise ValueError("top_k and top_p need a temperature above 0: 0 is always greedy")
        if self.max_new_tokens is not None and self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens {self.min_new_tokens} exceeds max_new_tokens {self.max_new_tokens}"
            )

    @property
    def greedy(self) -> bool:
        """Whether the most probable token is always taken."""
        if self.temperature is None:
            return self.top_k is None and self.top_p is None
        return self.temperature == 0

    def within(self, longest: int) -> Sampling:
        """The same with `max_new_tokens` resolved; ValueError if it is more than `longest`."""
        if self.max_new_tokens is None:
            return replace(self, max_new_tokens=longest)
        _require(self.max_new_tokens <= longest, "max_new_tokens", f"<= {longest} for this model")
        return self


NOT_FINITE = (
    "not finite: weights of its checkpoint are NaN or infinite, or its numbers are too large for "
    "the dtype; check the file, or try dtype float32"
)


class TokenChooser:
    """Chooses the next token of every row; one for a generation, for it holds the random states."""

    def __init__(self, sampling: Sampling, rows: int) -> None:
        self._sampling = sampling
        self._generators = [] if sampling.greedy else _generators(sampling.seed, rows)

    def __call__(self, scores: Tensor) -> Tensor:
        """scores (B, V) -> tokens (B,). A row without a possible token gives ValueError."""
        best, tokens = scores.max(dim=-1)
        require_possible(best)
        if self._sampling.greedy:
            return tokens
        width = scores.shape[-1]
        races = [torch.empty(width).exponential_(generator=g) for g in self._generators]
        return draw(scores, torch.stack(races).to(scores.device), self._sampling)

    def skip(self, draws: int, width: int) -> None:
        """Go on as if so many tokens had been drawn from a vocabulary of `width`."""
        for generator in self._generators * draws:
            torch.empty(width).exponential_(generator=generator)


def require_possible(best: Tensor) -> None:
    """ValueError where the best score of a row (B,) is none."""
    if bool(best.isfinite().all()):
        return
    if bool(best.isneginf().any()):
        raise ValueError("no token is possible: the logits processors forbid every token of a row")
    raise ValueError(f"the model's scores are {NOT_FINITE}")


def draw(scores: Tensor, races: Tensor, sampling: Sampling) -> Tensor:
    """Tokens (B,) of scores (B, V): each token's time (B, V), exponentially distributed, is divided
    by its probability, and the first wins.

    That draws with the tokens' probabilities (Gumbel-max), and rounding errors of the scores
    change a draw far less often than they change the order of near-equal tokens.
    """
    temperature = 1.0 if sampling.temperature is None else sampling.temperature
    scaled = scores / temperature
    if sampling.top_k is None:
        times = scaled - races.log()
        return times.argmax(-1) if sampling.top_p is None else _first(times, scaled, sampling.top_p)
    ordered, tokens = scaled.topk(min(sampling.top_k, scores.shape[-1]), dim=-1)
    times = ordered - races.gather(-1, tokens).log()
    place = times.argmax(-1) if sampling.top_p is None else _first(times, ordered, sampling.top_p)
    return tokens.gather(-1, place[:, None])[:, 0]


def _first(times: Tensor, scores: Tensor, top_p: float) -> Tensor:
    """The place (B,) of the highest of `times` (B, V) among the fewest most probable that together
    reach `top_p`; equal scores (B, V) are in or out together.

    Nothing is sorted, which would take longer than a step of a small model: a winner that lies
    outside is taken out with all that are no more probable, and the next one looked at.
    """
    probabilities = scores.double().softmax(-1)
    while True:
        places = times.argmax(-1, keepdim=True)  # (B, 1)
        least = scores.gather(-1, places)
        more_probable = probabilities.where(scores > least, 0.0).sum(-1, keepdim=True)
        outside = more_probable >= top_p
        if not bool(outside.any()):
            return places[:, 0]
        times = times.masked_fill(outside & (scores <= least), -torch.inf)


def guide(scores: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: (2 B, V), the second half of the negatives -> (B, V)."""
    main, negative = scores.log_softmax(-1).chunk(2)
    return (1 + scale) * main - scale * negative


def penalize(scores: Tensor, tokens: Tensor, penalty: float) -> Tensor:
    """Scores (B, V) with the tokens (B, n) generated so far less probable (Keskar et al. 2019)."""
    seen = scores.gather(1, tokens)
    return scores.scatter(1, tokens, torch.where(seen < 0, seen * penalty, seen / penalty))


def _generators(seed: int | Sequence[int] | None, rows: int) -> list[torch.Generator]:
    if seed is None or isinstance(seed, int):
        seeds: list[int | None] = [seed] * rows
    else:
        seeds = list(seed)
    if len(seeds) != rows:
        raise ValueError(f"{len(seeds)} seeds were given for {rows} examples")
    return [_generator(one) for one in seeds]


def _generator(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(_in_32_bits(seed))
    return generator


def _in_32_bits(seed: int) -> int:
    """torch's generator of the CPU heeds 32 bits of a seed; the others count here, too."""
    if 0 <= seed < 2**32:
        return seed
    words = [seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF]
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def _require(condition: bool, name: str, expected: str) -> None:
    if not condition:
        raise ValueError(f"{name} must be {expected}")
