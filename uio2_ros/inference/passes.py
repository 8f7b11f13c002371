"""One pass of the decoder over texts that are written together: what is asked, and what it says.

Letters of shapes: B rows under way, N tokens fed in a pass, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from uio2_ros.inference.constraint import Position, forbidden
from uio2_ros.inference.family import (
    Encoding,
    GenerationState,
    Network,
    RowNetwork,
    TextRows,
)
from uio2_ros.inference.sampling import require_possible


@dataclass(frozen=True)
class RowPass:
    """What a row is fed in a pass, and what is asked of it."""

    tokens: Sequence[int]
    """Fed; at least one."""
    forced: Sequence[int]
    """The tokens that are known to follow them, whose probabilities are told."""
    position: Position | None
    """Where a free token follows the last one; None where none is asked for."""
    draw: Callable[[Tensor], Tensor] | None = None
    """Its choice (1,) of masked scores (1, V); None is the most probable."""


class RowResult(NamedTuple):
    """What a pass says of a row."""

    forced: Sequence[float]
    """The probability of each of its forced tokens."""
    free: tuple[int, float] | None
    """The token that was chosen, and its probability before any constraint."""


class Passes(Protocol):
    """Runs passes over rows that come and go."""

    @property
    def at_once(self) -> int | None:
        """Tokens of a row that a pass takes at most; None is any number."""

    def admit(self, encoded: Encoding, max_tokens: int) -> None:
        """See `TextRows`."""

    def drop(self, row: int) -> None:
        """See `TextRows`."""

    def run(self, asked: Sequence[RowPass]) -> list[RowResult]:
        """One pass. ValueError where no token is possible or scores are not finite."""


class EagerPasses:
    """Passes whose shapes are as large as they must be."""

    def __init__(self, network: Network) -> None:
        self._rows: TextRows
        if isinstance(network, RowNetwork):
            self._rows = network.text_rows()
        else:
            self._rows = SteppedRows(network)
        self.at_once = self._rows.at_once
        self.admit = self._rows.admit
        self.drop = self._rows.drop

    def run(self, asked: Sequence[RowPass]) -> list[RowResult]:
        """See `Passes`."""
        logits = self._rows.append([row.tokens for row in asked])  # (N, V)
        log_total = logits.logsumexp(-1)  # (N,)
        ends = list(accumulate(len(row.tokens) for row in asked))
        forced = iter(_probabilities(asked, ends, logits, log_total))
        asking = [row for row in asked if row.position is not None]
        places = [end - 1 for row, end in zip(asked, ends, strict=True) if row.position is not None]
        free = iter(_choices(asking, places, logits, log_total))
        return [
            RowResult(
                [next(forced) for _ in row.forced], None if row.position is None else next(free)
            )
            for row in asked
        ]


def _probabilities(
    asked: Sequence[RowPass], ends: Sequence[int], logits: Tensor, log_total: Tensor
) -> list[float]:
    """Of the forced tokens of all rows."""
    tokens = [token for row in asked for token in row.forced]
    if not tokens:
        return []
    starts = [end - len(row.tokens) for row, end in zip(asked, ends, strict=True)]
    known = [
        start + n for row, start in zip(asked, starts, strict=True) for n in range(len(row.forced))
    ]
    places = torch.tensor(known, device=logits.device)
    scores = logits[places, torch.tensor(tokens, device=logits.device)]
    told: list[float] = (scores - log_total[places]).exp().tolist()
    return told


def _choices(
    asking: Sequence[RowPass], places: Sequence[int], logits: Tensor, log_total: Tensor
) -> list[tuple[int, float]]:
    """The free tokens of rows, which follow those at `places` of N."""
    if not asking:
        return []
    if places != list(range(len(logits))):
        logits, log_total = logits[places], log_total[places]  # (B, V), (B,)
    positions = [row.position for row in asking if row.position is not None]
    masked = logits.masked_fill(forbidden(positions, logits, log_total), -torch.inf)
    chosen = chosen_tokens(asking, masked)
    best = masked.gather(1, chosen[:, None])[:, 0]
    require_possible(best)
    tokens, told = torch.stack([chosen.double(), (best - log_total).exp().double()]).tolist()
    return [(int(token), probability) for token, probability in zip(tokens, told, strict=True)]


def chosen_tokens(asking: Sequence[RowPass], masked: Tensor) -> Tensor:
    """The tokens (B,) that rows choose of masked scores (B, V)."""
    if all(row.draw is None for row in asking):
        return masked.argmax(-1)
    return torch.cat(
        [
            scores.argmax(-1) if row.draw is None else row.draw(scores)
            for row, scores in zip(asking, masked[:, None], strict=True)
        ]
    )


class SteppedRows:
    """`TextRows` of a network that takes one token at a time, in rows that began together."""

    at_once = 1

    def __init__(self, network: Network) -> None:
        self._network = network
        self._places: list[tuple[GenerationState, int]] = []  # of every row

    def __len__(self) -> int:
        return len(self._places)

    def admit(self, encoded: Encoding, max_tokens: int) -> None:
        """See `TextRows`."""
        state = self._network.prefill(encoded, max_tokens)
        self._places += [(state, row) for row in range(state.batch)]

    def drop(self, row: int) -> None:
        """See `TextRows`. The row is computed until all that began with it have ended."""
        last = self._places.pop()
        if row < len(self._places):
            self._places[row] = last

    def append(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """See `TextRows`."""
        logits: dict[tuple[int, int], Tensor] = {}
        for state in {id(state): state for state, _ in self._places}.values():
            fed = [0] * state.batch
            for (of, row), (token,) in zip(self._places, tokens, strict=True):
                if of is state:
                    fed[row] = token
            scores = self._network.decode_step(
                state, torch.tensor(fed, device=self._network.device)
            )
            logits.update({(id(state), row): one for row, one in enumerate(scores)})
        return torch.stack([logits[id(state), row] for state, row in self._places])
