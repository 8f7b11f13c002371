"""Passes of the decoder as CUDA graphs: from tokens and masks to the tokens that are chosen.

Shapes are few: rows are a power of two, tokens of a row one or `at_once`, the input's width a
multiple of a step. A pass copies one small tensor and the grammars' masks to the device, launches
one graph, and waits for one small tensor: the tokens chosen, which the grammars need, and their
probabilities. Letters of shapes: R rows of a graph, T tokens of a row, V vocabulary.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence, Sized

import torch
from torch import Tensor

from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.inference.constraint import limits, surely_location
from uio2_ros.inference.family import Encoding, StaticTargetRows
from uio2_ros.inference.graphs import Graphs
from uio2_ros.inference.passes import RowPass, RowResult
from uio2_ros.inference.sampling import require_possible


class GraphedPasses:
    """See `passes.Passes`. Drawn tokens, unlike greedy ones, are chosen outside of the graph."""

    def __init__(self, rows: StaticTargetRows, graphs: Graphs, symbols: Vocabulary) -> None:
        """symbols: those of the grammars."""
        self._rows, self._graphs, self._places = rows, graphs, symbols.location_ids
        self.at_once = rows.at_once
        self.drop = rows.drop
        self.clear = rows.clear

    def admit(self, encoded: Encoding, max_tokens: int, copies: int = 1) -> None:
        """See `Passes`; there is room for any number of tokens. Copies are rows of one input."""
        del max_tokens
        if self._rows.admit(encoded, copies):
            self._graphs.forget()

    def reorder(self, rows: Tensor) -> None:
        """Continue row `rows[i]` in row i; copies of one input stay together."""
        self._rows.reorder(rows)

    def step(self, tokens: Tensor, modality: str) -> Tensor:
        """Feed every row a token (B,); logits (B, V) float32 of the next."""
        starts = torch.tensor(self._rows.lengths)
        self._rows.advance([1] * len(starts), modality)
        return self._graphs(self._logits, modality, self._rows.width, tokens, starts)[0]

    def _logits(self, modality: str, width: int, tokens: Tensor, starts: Tensor) -> tuple[Tensor]:
        return (self._rows.step(width, tokens[:, None], starts, modality)[:, 0],)

    def run(self, asked: Sequence[RowPass]) -> list[RowResult]:
        """See `Passes`."""
        fed = _fed(asked, self._rows.lengths, self._shape(asked))
        self._rows.advance([len(row.tokens) for row in asked], "text")
        told, masked = self._graphs(
            self._pass, self._rows.width, fed, *self._limits(asked, len(fed))
        )
        return _results(asked, told.cpu(), masked)

    def capture(self, rows: int) -> None:
        """Make the graphs for up to so many rows, while none is under way."""
        assert len(self._rows) == 0
        for count in _powers(min(rows, self._rows.room)):
            for tokens in (1, self.at_once):
                fed = torch.zeros(count, 2 * tokens + 2, dtype=torch.int64)
                for width in self._rows.widths:
                    self._graphs(self._pass, width, fed, *self._limits((), count))

    def _shape(self, asked: Sequence[RowPass]) -> tuple[int, int]:
        """R and T."""
        longest = max(len(row.tokens) for row in asked)
        rows = next(n for n in _powers(self._rows.room) if n >= len(asked))
        return rows, 1 if longest == 1 else self.at_once

    def _limits(self, asked: Sequence[RowPass], rows: int) -> tuple[Tensor, Tensor, Tensor]:
        """Thresholds (R,) and masks (R, V) of `TokenLimits`; rows that ask for nothing have any."""
        known = [row.position for row in asked]
        some = next((position for position in known if position is not None), None)
        vocabulary, device = self._rows.vocabulary, self._rows.device
        if some is None:
            free = torch.zeros(rows, vocabulary, dtype=torch.bool, device=device)
            return torch.zeros(rows), free, free
        positions = [position or some for position in known] + [some] * (rows - len(asked))
        found = limits(positions, device, vocabulary)
        forbidden, unless_location = (
            mask.expand(rows, vocabulary) for mask in (found.forbidden, found.unless_location)
        )
        return torch.tensor(found.thresholds), forbidden, unless_location

    def _pass(
        self,
        width: int,
        fed: Tensor,
        thresholds: Tensor,
        forbidden: Tensor,
        unless_location: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """What is told of each row (R, 3 + T) float32, see `_results`, and masked scores (R, V).

        fed: see `_fed`. Masks (R, V) and thresholds (R,) are those of `TokenLimits`.
        """
        count = fed.shape[1] // 2 - 1
        tokens, forced = fed[:, :count], fed[:, count : 2 * count]
        starts, last = fed[:, 2 * count], fed[:, 2 * count + 1]
        logits = self._rows.step(width, tokens, starts, "text")  # (R, T, V)
        log_total = logits.logsumexp(-1)  # (R, T)
        log_forced = logits.gather(-1, forced[..., None])[..., 0] - log_total
        every = torch.arange(len(fed), device=fed.device)
        scores, total = logits[every, last], log_total[every, last]  # (R, V), (R,)
        certain = surely_location(scores, total, thresholds, self._places)
        masked = scores.masked_fill(
            torch.where(certain[:, None], unless_location, forbidden), -torch.inf
        )
        chosen = masked.argmax(-1)
        best = masked.gather(1, chosen[:, None])[:, 0]
        ends = torch.stack([chosen.float(), best, (best - total).exp()], dim=1)
        return torch.cat([ends, log_forced.exp()], dim=1), masked


def _fed(asked: Sequence[RowPass], lengths: Sequence[int], shape: tuple[int, int]) -> Tensor:
    """(R, 2 T + 2): tokens, the forced ones that follow each, those in the cache, the last one."""
    rows, count = shape
    fed = torch.zeros(rows, 2 * count + 2, dtype=torch.int64)
    for line, row, start in zip(fed.numpy(), asked, lengths, strict=False):
        line[: len(row.tokens)] = row.tokens
        line[count : count + len(row.forced)] = row.forced
        line[2 * count :] = start, len(row.tokens) - 1
    return fed


def _results(asked: Sequence[RowPass], told: Tensor, masked: Tensor) -> list[RowResult]:
    """Of what a graph told: the most probable token, its score and probability, those of forced
    tokens. Rows that draw do so here."""
    asking = [number for number, row in enumerate(asked) if row.position is not None]
    require_possible(told[asking, 1])
    results = []
    for number, (row, line) in enumerate(zip(asked, told.tolist(), strict=False)):
        token, best, probability, *forced = line
        if row.draw is not None:
            drawn = row.draw(masked[number : number + 1])
            token = float(drawn)
            probability *= float((masked[number, drawn] - best).exp())
        free = None if row.position is None else (int(token), probability)
        results.append(RowResult(forced[: len(row.forced)], free))
    return results


def _powers(most: int) -> Iterator[int]:
    """1, 2, 4, ... and `most`."""
    power = 1
    while power < most:
        yield power
        power *= 2
    yield most


class SharedPasses:
    """One `GraphedPasses` that several may use, one after the other."""

    def __init__(self, passes: GraphedPasses) -> None:
        self.passes = passes
        self._user: weakref.ref[Sized] | None = None

    def borrow(self, user: Sized) -> GraphedPasses | None:
        """The passes without a row, for a user who is done with them when its length is 0; None
        while another has them."""
        had = None if self._user is None else self._user()
        if had is not None and had is not user and len(had):
            return None
        self.passes.clear()
        self._user = weakref.ref(user)
        return self.passes
