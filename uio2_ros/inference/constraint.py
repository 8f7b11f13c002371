"""A grammar as a logits processor: disallowed tokens become impossible, probabilities are recorded.

The rules are those of model.md section 8. torch and decoding only.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from uio2_ros.decoding.automaton import Grammar
from uio2_ros.decoding.vocabulary import Mask

Prefix = tuple[int, ...]  # tokens after the start token


@dataclass(frozen=True)
class _Masks:
    """What a state forbids, each (scores' width,) bool on the scores' device.

    `unless_location` forbids everything but the allowed locations; None where the state leaves no
    choice between a location and something else.
    """

    forbidden: torch.Tensor
    unless_location: torch.Tensor | None


KEPT_STATES = 512
"""States, of all grammars together, whose masks are kept; each has up to two masks of 33 kB for the
released vocabulary."""


@lru_cache(KEPT_STATES)
def forced_token(grammar: Grammar, state: Hashable) -> int | None:
    """The only token that a grammar allows next; None where there is a choice."""
    allowed = grammar.allowed(state)
    return int(allowed.argmax()) if np.count_nonzero(allowed) == 1 else None


@lru_cache(KEPT_STATES)
def _masks(grammar: Grammar, state: Hashable, device: torch.device, width: int) -> _Masks:
    """The masks of a state for scores of a width on a device."""
    symbols = grammar.symbols
    if width < symbols.vocabulary.vocab_size:
        raise ValueError(
            f"the grammar's vocabulary has {symbols.vocabulary.vocab_size} tokens, the scores "
            f"only {width}: give the engine the tokenizer its model was made for"
        )
    allowed, places = grammar.allowed(state), symbols.vocabulary.location_ids
    forbidden = _on_device(allowed, device, width)
    elsewhere = allowed[: places.start].any() or allowed[places.stop :].any()
    if not (elsewhere and allowed[places.start : places.stop].any()):
        return _Masks(forbidden, None)
    unless_location = torch.ones_like(forbidden)
    unless_location[places.start : places.stop] = forbidden[places.start : places.stop]
    return _Masks(forbidden, unless_location)


def _on_device(allowed: Mask, device: torch.device, width: int) -> torch.Tensor:
    """What is not allowed, at the width of the scores; rows beyond the vocabulary are not."""
    forbidden = np.ones(width, np.bool_)
    np.logical_not(allowed, out=forbidden[: len(allowed)])
    return torch.from_numpy(forbidden).to(device)


class ConstrainedDecoding:
    """Logits processor `f(tokens, scores) -> scores` that keeps each row inside a grammar.

    Rows may end, be reordered or be dropped between calls (beams, batches); each row's state
    follows from its tokens. Where a location and something else are both allowed and the model
    gives all locations together more than `force_locations`, only locations stay possible. That
    stops a text from ending early because probability is spread over many similar locations.

    It also records the probability the model itself (before any constraint) gave each token, see
    `probabilities`. Serves one generation; all of one grammar share their masks.
    """

    def __init__(self, grammar: Grammar, force_locations: float | None = None) -> None:
        if force_locations is not None and not 0.0 <= force_locations <= 1.0:
            raise ValueError(f"force_locations is a probability in [0, 1], got {force_locations}")
        self.grammar = grammar
        self.threshold = force_locations
        self._states: dict[Prefix, Hashable] = {(): grammar.initial()}
        self._last: _Step | None = None
        self._recorded: list[torch.Tensor] = []  # one (B,) of log-probabilities per token so far

    def __call__(self, tokens: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """tokens (B, n) with the start token, scores (B, V) raw logits -> masked logits (B, V)."""
        prefixes = [tuple(row[1:]) for row in tokens.tolist()]
        if self._last is not None:
            self._record(self._last, prefixes, tokens[:, -1])
        self._states = {prefix: self._state(prefix) for prefix in prefixes}
        log_total = scores.float().logsumexp(-1)  # (B,)
        masked = torch.where(self._forbidden(prefixes, scores, log_total), float("-inf"), scores)
        self._last = _Step(prefixes, masked, log_total)
        return masked

    def probabilities(self, tokens: Sequence[int], row: int = 0) -> list[float]:
        """The model's probability of each token of a generated text (without start and end).

        row is the text's place in the batch; a text that moved since (beams) is found elsewhere.
        Raises ValueError for tokens that were not generated under this constraint.
        """
        if self._last is None:
            raise ValueError("nothing was generated under this constraint yet")
        wanted, known = tuple(tokens), len(self._recorded)
        row = self._last.row_of(wanted[:known], near=row)
        log_probabilities = [column[row] for column in self._recorded[: len(wanted)]]
        if len(wanted) == known + 1:
            log_probabilities.append(self._last.log_probability(row, wanted[-1]))
        if len(log_probabilities) != len(wanted):
            raise ValueError(f"only {known + 1} tokens were generated, asked about {len(wanted)}")
        return torch.stack(log_probabilities).exp().tolist() if wanted else []

    def _state(self, prefix: Prefix) -> Hashable:
        if prefix in self._states:
            return self._states[prefix]
        if prefix[:-1] in self._states:
            return self.grammar.advance(self._states[prefix[:-1]], prefix[-1])
        state = self.grammar.initial()
        for token in prefix:
            state = self.grammar.advance(state, token)
        return state

    def _record(self, last: _Step, prefixes: Sequence[Prefix], chosen: torch.Tensor) -> None:
        """Look up what the last step's scores say about the tokens chosen (B,) since."""
        if any(len(prefix) != len(last.prefixes[0]) + 1 for prefix in prefixes):
            raise ValueError(
                "each call must follow the call before by one token; make a new "
                "ConstrainedDecoding for each generation"
            )
        parents = [last.row_of(prefix[:-1], near=row) for row, prefix in enumerate(prefixes)]
        if parents != list(range(len(last.prefixes))):
            last = last.reordered(parents)
            self._recorded = [column[parents] for column in self._recorded]
        gathered = last.masked.gather(1, chosen[:, None].to(last.masked.device))[:, 0]
        self._recorded.append(gathered.float() - last.log_total)

    def _forbidden(
        self, prefixes: Sequence[Prefix], scores: torch.Tensor, log_total: torch.Tensor
    ) -> torch.Tensor:
        """(B, V), or (1, V) where all rows agree."""
        places = [Position(self.grammar, self._states[p], self.threshold) for p in prefixes]
        return forbidden(places, scores, log_total)


class Position(NamedTuple):
    """Where a text is in its grammar, and the threshold of `ConstrainedDecoding`."""

    grammar: Grammar
    state: Hashable
    force_locations: float | None = None


class TokenLimits(NamedTuple):
    """What may not come next, at rows' positions, as long as locations are not certain and when
    they are; one row where all agree."""

    forbidden: torch.Tensor  # (B or 1, V) bool
    unless_location: torch.Tensor  # (B or 1, V) bool
    thresholds: list[float]  # of each row
    places: range  # the ids of locations


def limits(rows: Sequence[Position], device: torch.device, width: int) -> TokenLimits:
    """Of scores of a width on a device."""
    masks = [_masks(row.grammar, row.state, device, width) for row in rows]
    plain = _stack([mask.forbidden for mask in masks])
    thresholds = [
        2.0 if mask.unless_location is None or row.force_locations is None else row.force_locations
        for row, mask in zip(rows, masks, strict=True)  # no probability exceeds 2
    ]
    places = rows[0].grammar.symbols.vocabulary.location_ids
    if min(thresholds) > 1.0:
        return TokenLimits(plain, plain, thresholds, places)
    forced = _stack(
        [mask.forbidden if mask.unless_location is None else mask.unless_location for mask in masks]
    )
    return TokenLimits(plain, forced, thresholds, places)


def forbidden(
    rows: Sequence[Position], scores: torch.Tensor, log_total: torch.Tensor
) -> torch.Tensor:
    """What may not come next (B, V) bool, or (1, V) where all rows agree.

    Of raw scores (B, V) and their log-sum-exp (B,).
    """
    plain, forced, thresholds, places = limits(rows, scores.device, scores.shape[-1])
    if forced is plain:
        return plain
    least = torch.tensor(thresholds, device=scores.device)
    certain = surely_location(scores, log_total, least, places)
    return torch.where(certain[:, None], forced, plain)


def surely_location(
    scores: torch.Tensor, log_total: torch.Tensor, thresholds: torch.Tensor, places: range
) -> torch.Tensor:
    """Whether all locations together are more probable than the threshold, (B,) bool.

    Of raw scores (B, V) and their log-sum-exp (B,).
    """
    log_locations = scores[:, places.start : places.stop].float().logsumexp(-1)  # (B,)
    return (log_locations - log_total).exp() > thresholds


@dataclass(frozen=True)
class _Step:
    """One call: the rows' tokens, masked scores (B, V) and log-sum-exp of the raw scores (B,)."""

    prefixes: list[Prefix]
    masked: torch.Tensor
    log_total: torch.Tensor

    def row_of(self, prefix: Prefix, near: int) -> int:
        """The row with these tokens: `near` itself if it has them."""
        if near < len(self.prefixes) and self.prefixes[near][: len(prefix)] == prefix:
            return near
        for row, known in enumerate(self.prefixes):
            if known[: len(prefix)] == prefix:
                return row
        raise ValueError(f"these tokens were not generated under this constraint: {prefix}")

    def log_probability(self, row: int, token: int) -> torch.Tensor:
        return self.masked[row, token].float() - self.log_total[row]

    def reordered(self, rows: Sequence[int]) -> _Step:
        chosen = list(rows)
        prefixes = [self.prefixes[row] for row in chosen]
        return _Step(prefixes, self.masked[chosen], self.log_total[chosen])


def _stack(masks: Sequence[torch.Tensor]) -> torch.Tensor:
    first = masks[0]
    return first[None] if all(mask is first for mask in masks) else torch.stack(list(masks))
