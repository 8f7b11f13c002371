"""Token by token: the loop that every generated modality shares, and what it gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uio2_ros.inference.family import GenerationState
from uio2_ros.inference.graphed_steps import StepDecoder
from uio2_ros.inference.sampling import (
    LogitsProcessor,
    Sampling,
    TokenChooser,
    guide,
    penalize,
)

NO_TOKEN = -1
Tokens = npt.NDArray[np.int64]
StopCondition = Callable[[Tokens], bool]
"""f(tokens of one row so far (n,), without the start token) -> whether that row is done."""
OnToken = Callable[[Tokens], None]
"""f(tokens (B, n) without the start token), after every token; rows that ended repeat the end."""


@dataclass(frozen=True)
class EngineTimings:
    """Seconds of one call to `Engine.generate`, the same for all examples of its batch."""

    encode: float
    first_token: float  # from the end of encoding
    decode: float  # all tokens, from the end of encoding
    render: float = 0.0  # from tokens to texts, pictures or waveforms


@dataclass(frozen=True)
class Generation:
    """What was generated for one example; None where it is of another modality."""

    tokens: list[int]  # without start and end token
    text: str | None
    image: npt.NDArray[np.uint8] | None  # (256, 256, 3)
    audio: npt.NDArray[np.float32] | None  # mono, 16 kHz
    spectrogram: npt.NDArray[np.float32] | None  # (128, 256), normalised as in training
    timings: EngineTimings


@dataclass(frozen=True)
class TokenSequences:
    """What was generated, row by row, and when the first token was there (`perf_counter` s)."""

    sequences: list[list[int]]  # without start and end token
    first_token_at: float


def generate_tokens(
    model: StepDecoder,
    state: GenerationState,
    sampling: Sampling,
    *,
    modality: str,
    end_id: int | None,
    guided: bool = False,
    stop: StopCondition | None = None,
    on_token: OnToken | None = None,
) -> TokenSequences:
    """Decode until every row has ended, stopped or reached `sampling.max_new_tokens`.

    Without an `end_id`, as for pictures and sound, no token ends a row.
    With `guided`, the second half of the state's rows are negatives: they get the tokens of the
    first half and are not returned. Exceptions of `on_token` and `stop` end the generation.
    """
    assert sampling.max_new_tokens is not None
    rows = state.batch // 2 if guided else state.batch
    choose = TokenChooser(sampling, rows)
    progress = _Progress(rows, sampling.max_new_tokens, end_id)
    shape = (state.batch, 1 + sampling.max_new_tokens)
    tokens = torch.full(shape, model.start_id(modality), device=model.device)  # (B, 1 + n)
    first_token_at = 0.0
    for step in range(sampling.max_new_tokens):
        logits = model.decode_step(state, tokens[:, step], modality)  # (B, V)
        scores = raw_scores(logits, tokens[:, : step + 1], sampling)
        if guided:
            scores = guide(scores, sampling.guidance_scale or 0.0)
        if end_id is not None and step < sampling.min_new_tokens:
            scores = forbid(scores, end_id)
        chosen = progress.add(choose(scores))
        tokens[:, step + 1] = chosen.repeat(2) if guided else chosen
        first_token_at = first_token_at or time.perf_counter()
        progress.check(stop)
        if on_token is not None:
            on_token(progress.tokens)
        if progress.done:
            break
    return TokenSequences(progress.rows(), first_token_at)


def raw_scores(logits: Tensor, tokens: Tensor, sampling: Sampling) -> Tensor:
    """Scores (B, V) of logits and tokens (B, n), start included: processors, then repetition."""
    scores = process(logits, tokens, sampling.logits_processors)
    if sampling.repetition_penalty == 1:
        return scores
    return penalize(scores, tokens[:, 1:], sampling.repetition_penalty)


def process(logits: Tensor, tokens: Tensor, processors: Sequence[LogitsProcessor]) -> Tensor:
    """Run the logits processors in order; ValueError names one that does not give scores."""
    for processor in processors:
        scores = processor(tokens, logits)
        if not isinstance(scores, Tensor) or scores.shape != logits.shape:
            got = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise ValueError(
                f"logits processor {processor!r} gave {got}, expected scores {tuple(logits.shape)}"
            )
        logits = scores
    return logits


def forbid(scores: Tensor, token: int) -> Tensor:
    """The scores with one token made impossible."""
    column = torch.tensor([token], device=scores.device)
    return scores.index_fill(1, column, -torch.inf)


class _Progress:
    """The rows generated so far, on the host, and which of them are done."""

    def __init__(self, rows: int, longest: int, end_id: int | None) -> None:
        self._end_id = NO_TOKEN if end_id is None else end_id
        self._tokens = np.full((rows, longest), self._end_id, np.int64)
        self._lengths = np.zeros(rows, np.int64)  # without the end token
        self._finished = np.zeros(rows, np.bool_)
        self._step = 0

    @property
    def tokens(self) -> Tokens:
        """(B, n) so far, a copy; rows that are done repeat the end token."""
        tokens: Tokens = self._tokens[:, : self._step].copy()
        return tokens

    @property
    def done(self) -> bool:
        return bool(self._finished.all())

    def add(self, chosen: Tensor) -> Tensor:
        """Append the tokens (B,) of rows that are not done; the tokens to feed next (B,)."""
        column = np.where(self._finished, self._end_id, chosen.cpu().numpy())
        self._tokens[:, self._step] = column
        self._step += 1
        self._finished |= column == self._end_id
        self._lengths[~self._finished] = self._step
        return torch.from_numpy(column).to(chosen.device)

    def check(self, stop: StopCondition | None) -> None:
        """Ask the stop condition about every row that is not done."""
        if stop is not None:
            for row in np.flatnonzero(~self._finished):
                self._finished[row] = stop(self._tokens[row, : self._step].copy())

    def rows(self) -> list[list[int]]:
        return [
            row[:length].tolist() for row, length in zip(self._tokens, self._lengths, strict=True)
        ]
