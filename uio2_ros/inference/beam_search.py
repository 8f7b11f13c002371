"""Beam search: the most probable text rather than the most probable next token.

Letters of shapes: B examples, K beams, V vocabulary. Row b K + k of the decoder is beam k of
example b.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from uio2_ros.inference.family import GenerationState
from uio2_ros.inference.generation import OnToken, StopCondition, TokenSequences, forbid, raw_scores
from uio2_ros.inference.graphed_steps import StepDecoder
from uio2_ros.inference.sampling import Sampling, require_possible


def search_beams(
    model: StepDecoder,
    state: GenerationState,
    sampling: Sampling,
    *,
    end_id: int,
    stop: StopCondition | None = None,
    on_token: OnToken | None = None,
    kept: int = 1,
) -> TokenSequences:
    """The `kept` best texts of every example, next to each other and the best one first.

    They are compared by total log-probability / length ** length_penalty.

    A text's length counts its end token. An example is done when `sampling.beams` texts have ended
    and no beam can still beat the worst of them, or at `max_new_tokens`. `stop` ends a beam as the
    end token does; `on_token` sees the best beam of every example, which may change its past.
    """
    assert sampling.max_new_tokens is not None
    start = torch.full((state.batch, 1), model.start_id("text"), device=model.device)
    beams = _Beams(start, sampling, end_id)
    first_token_at = 0.0
    for step in range(sampling.max_new_tokens):
        logits = model.decode_step(state, beams.tokens[:, -1])  # (B K, V)
        raw = raw_scores(logits, beams.tokens, sampling)
        scores = raw.log_softmax(-1).masked_fill(raw.isneginf(), -torch.inf)  # also of whole rows
        if step < sampling.min_new_tokens:
            scores = forbid(scores, end_id)
        state.reorder(beams.advance(scores))
        first_token_at = first_token_at or time.perf_counter()
        beams.check(stop)
        if on_token is not None:
            on_token(beams.tokens[:: sampling.beams, 1:].cpu().numpy())
        if beams.done:
            break
    return TokenSequences(beams.best(kept), first_token_at)


@dataclass
class _Hypotheses:
    """The best texts of one example that have ended, at most `room`."""

    room: int
    length_penalty: float
    texts: list[tuple[float, list[int]]] = field(default_factory=list)
    closed: bool = False

    def add(self, tokens: list[int], total: float, length: int) -> None:
        if not self.closed:
            self.texts.append((self.score(total, length), tokens))
            self.texts = sorted(self.texts, key=lambda text: -text[0])[: self.room]

    def close(self, best_total: float, length: int) -> None:
        """Take no more when the beams, `best_total` at `length`, cannot beat what is there."""
        full = len(self.texts) == self.room
        beaten = full and self.texts[-1][0] >= self.score(best_total, length)
        self.closed = self.closed or beaten or best_total == -torch.inf

    def score(self, total: float, length: int) -> float:
        return float(total / length**self.length_penalty)


class _Beams:
    """The texts under way and those that have ended."""

    def __init__(self, start: Tensor, sampling: Sampling, end_id: int) -> None:
        """start: the tokens (B K, 1) that every beam begins with."""
        self._count, self._end_id = sampling.beams, end_id
        examples = len(start) // self._count
        self._totals = torch.full((examples, self._count), -torch.inf, device=start.device)
        self._totals[:, 0] = 0.0  # all beams begin alike: only one counts
        self._ended = [_Hypotheses(self._count, sampling.length_penalty) for _ in range(examples)]
        self.tokens = start

    @property
    def done(self) -> bool:
        return all(ended.closed for ended in self._ended)

    def advance(self, scores: Tensor) -> Tensor:
        """Extend by log-probabilities (B K, V); the rows (B K,) that the new beams continue."""
        examples, vocabulary = len(self._ended), scores.shape[-1]
        totals = self._totals[:, :, None] + scores.view(examples, self._count, vocabulary)
        totals = totals.where(self._totals[:, :, None].isfinite(), -torch.inf)
        # at most K of them end, one of each beam, so K remain that do not
        best, flat = totals.flatten(1).topk(2 * self._count)  # (B, 2 K), best first
        self._require_open(best)
        parents = (
            flat // vocabulary + self._count * torch.arange(examples, device=flat.device)[:, None]
        )
        chosen = flat % vocabulary
        ends = chosen == self._end_id
        self._collect(best, parents, ends)
        order = ends.int().argsort(stable=True)[:, : self._count]  # (B, K)
        self._totals = best.gather(1, order)
        return self._extend(parents.gather(1, order), chosen.gather(1, order))

    def _require_open(self, best: Tensor) -> None:
        """ValueError where an example has no beam to go on with and no text that ended."""
        empty = torch.tensor([not ended.texts for ended in self._ended], device=best.device)
        if bool(empty.any()):
            require_possible(best[empty, 0])

    def _collect(self, best: Tensor, parents: Tensor, ends: Tensor) -> None:
        """Keep texts that end among the K best continuations of their example."""
        kept = ends[:, : self._count] & best[:, : self._count].isfinite()
        for example, place in kept.nonzero().tolist():
            row = int(parents[example, place])
            self._end(example, row, float(best[example, place]), length=self.tokens.shape[1])

    def _extend(self, parents: Tensor, chosen: Tensor) -> Tensor:
        """Append the tokens (B, K); a beam without a possible token repeats the best one's."""
        possible = self._totals.isfinite()
        parents = parents.where(possible, parents[:, :1])
        chosen = chosen.where(possible, chosen[:, :1].where(possible[:, :1], self._end_id))
        rows = parents.flatten()
        self.tokens = torch.cat([self.tokens[rows], chosen.flatten()[:, None]], dim=1)
        length = self.tokens.shape[1] - 1
        for ended, total in zip(self._ended, self._totals.max(1).values.tolist(), strict=True):
            ended.close(total, length)
        return rows

    def check(self, stop: StopCondition | None) -> None:
        """End the beams that the stop condition ends."""
        if stop is None:
            return
        length = self.tokens.shape[1] - 1
        for example, beam in self._totals.isfinite().nonzero().tolist():
            row = example * self._count + beam
            if not self._ended[example].closed and stop(self.tokens[row, 1:].cpu().numpy()):
                self._end(example, row, float(self._totals[example, beam]), length)
                self._totals[example, beam] = -torch.inf

    def best(self, kept: int) -> list[list[int]]:
        """The best texts of every example; beams that did not end count as they are."""
        length = self.tokens.shape[1] - 1
        for example, beam in self._totals.isfinite().nonzero().tolist():
            row = example * self._count + beam
            self._end(example, row, float(self._totals[example, beam]), length)
        return [text for ended in self._ended for _, text in ended.texts[:kept]]

    def _end(self, example: int, row: int, total: float, length: int) -> None:
        self._ended[example].add(self.tokens[row, 1:].tolist(), total, length)
