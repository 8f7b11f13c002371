"""Texts written together, each within a grammar and with a seed of its own.

Rows come and go between passes of the decoder (continuous batching). What a grammar forces is not
asked of the model: all of it is fed in the pass that asks for the next free token. A text is the
one that it would be alone and token by token. Letters of shapes: B rows under way, N tokens fed in
a pass, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor

from uio2_ros.decoding.automaton import Grammar
from uio2_ros.inference.constraint import Position, forbidden, forced_token
from uio2_ros.inference.family import (
    Encoding,
    GenerationState,
    Network,
    RowNetwork,
    TextRows,
)
from uio2_ros.inference.sampling import Sampling, TokenChooser, require_possible


@dataclass(frozen=True)
class TextRequest:
    """What a text must be: in a grammar, and greedy or drawn as the temperature, top_k, top_p and
    seed of `sampling` say. force_locations: see `ConstrainedDecoding`."""

    grammar: Grammar
    force_locations: float | None = None
    sampling: Sampling = field(default_factory=Sampling)


class Writing:
    """A text under way.

    tokens: without start and end token. probabilities: the model's own of each token, before any
    constraint; 1 for a token that the grammar forced and that is no location. passes: of the
    decoder, so far.
    """

    def __init__(self, request: TextRequest, start_id: int) -> None:
        self.request = request
        self.tokens: list[int] = []
        self.probabilities: list[float] = []
        self.passes = 0
        vocabulary = request.grammar.symbols.vocabulary
        self._end_id, self._places = vocabulary.end_id, vocabulary.location_ids
        self._start_id = start_id
        self._state: Hashable = request.grammar.initial()
        self._ended = False
        self._read = 0  # start and tokens that the decoder has read
        self._scored = 0  # tokens whose probability is known or not needed
        self._skipped = 0  # draws that forced tokens have spared
        greedy = request.sampling.greedy
        self._chooser = None if greedy else TokenChooser(request.sampling, rows=1)
        self._follow()

    @property
    def done(self) -> bool:
        """Whether all of it is there."""
        return self._ended and self._scored == len(self.tokens)

    @property
    def position(self) -> Position:
        """Where the next free token comes."""
        return Position(self.request.grammar, self._state, self.request.force_locations)

    def unread(self, at_most: int | None) -> list[int]:
        """What the decoder reads in the next pass."""
        text = [self._start_id, *self.tokens] if self._read == 0 else self.tokens[self._read - 1 :]
        return text[:at_most]

    def read(self, count: int) -> tuple[range, bool]:
        """Notes that so many were read. The places of the forced tokens they say the probability
        of, and whether they ask for a free token."""
        first, self._read = self._read, self._read + count
        self.passes += 1
        self._scored = max(self._scored, min(self._read, len(self.tokens)))
        asks = not self._ended and self._read == len(self.tokens) + 1
        return range(first, min(self._read, len(self.tokens))), asks

    def score(self, place: int, probability: float) -> None:
        """Says the probability of a token that was forced."""
        if self.tokens[place] in self._places:
            self.probabilities[place] = probability

    def draw(self, scores: Tensor) -> Tensor:
        """The next token (1,) of masked scores (1, V)."""
        if self._chooser is None:
            return scores.argmax(-1)
        self._chooser.skip(self._skipped, scores.shape[-1])
        self._skipped = 0
        return self._chooser(scores)

    def add(self, token: int, probability: float) -> None:
        """The free token that was chosen, and all that the grammar then forces."""
        self._put(token, probability)
        self._scored = len(self.tokens)
        if not self._ended:
            self._follow()

    def _put(self, token: int, probability: float) -> None:
        if token == self._end_id:
            self._ended = True
            return
        self.tokens.append(token)
        self.probabilities.append(probability)
        self._state = self.request.grammar.advance(self._state, token)

    def _follow(self) -> None:
        """Add what is forced. Where that ends the text, only locations are worth another pass."""
        known = len(self.tokens)
        while not self._ended:
            token = forced_token(self.request.grammar, self._state)
            if token is None:
                return
            self._skipped += 1
            self._put(token, 1.0)
        if not any(token in self._places for token in self.tokens[known:]):
            self._scored = len(self.tokens)


class ConcurrentTexts:
    """Texts under way on one network. For one thread; `step` is one pass of the decoder."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._rows: TextRows
        if isinstance(network, RowNetwork):
            self._rows = network.text_rows()
        else:
            self._rows = SteppedRows(network)
        self._writings: list[Writing] = []

    def __len__(self) -> int:
        return len(self._writings)

    @torch.inference_mode()
    def admit(self, encoded: Encoding, requests: Sequence[TextRequest]) -> list[Writing]:
        """Begin a text for each of the encoded inputs (B, S, E)."""
        room = max(request.grammar.longest for request in requests)
        self._rows.admit(encoded, room)
        start_id = self._network.start_id("text")
        new = [Writing(request, start_id) for request in requests]
        self._writings += new
        return new

    @torch.inference_mode()
    def withdraw(self, writing: Writing) -> None:
        """End a text that nobody waits for any more; one that is not under way is none."""
        if writing in self._writings:
            row = self._writings.index(writing)
            self._rows.drop(row)
            last = self._writings.pop()
            if row < len(self._writings):
                self._writings[row] = last

    @torch.inference_mode()
    def step(self) -> list[Writing]:
        """One more free token of every text, or as near to it as one pass comes; those done."""
        given = [writing.unread(self._rows.at_once) for writing in self._writings]
        logits = self._rows.append(given)  # (N, V)
        log_total = logits.logsumexp(-1)  # (N,)
        ends = list(accumulate(len(tokens) for tokens in given))
        forced: list[tuple[Writing, int, int]] = []  # with the place in the text and in N
        asking: list[tuple[Writing, int]] = []
        for writing, tokens, end in zip(self._writings, given, ends, strict=True):
            places, asks = writing.read(len(tokens))
            forced += [(writing, p, end - len(tokens) + n) for n, p in enumerate(places)]
            asking += [(writing, end - 1)] if asks else []
        self._score(forced, logits, log_total)
        self._choose(asking, logits, log_total)
        done = [writing for writing in self._writings if writing.done]
        for writing in done:
            self.withdraw(writing)
        return done

    def _score(
        self, forced: Sequence[tuple[Writing, int, int]], logits: Tensor, log_total: Tensor
    ) -> None:
        if not forced:
            return
        places = torch.tensor([place for _, _, place in forced], device=logits.device)
        tokens = [writing.tokens[place] for writing, place, _ in forced]
        scores = logits[places, torch.tensor(tokens, device=logits.device)]
        probabilities = (scores - log_total[places]).exp().tolist()
        for (writing, place, _), probability in zip(forced, probabilities, strict=True):
            writing.score(place, probability)

    def _choose(
        self, asking: Sequence[tuple[Writing, int]], logits: Tensor, log_total: Tensor
    ) -> None:
        if not asking:
            return
        places = [place for _, place in asking]
        if places != list(range(len(logits))):
            logits, log_total = logits[places], log_total[places]  # (B, V), (B,)
        positions = [writing.position for writing, _ in asking]
        masked = logits.masked_fill(forbidden(positions, logits, log_total), -torch.inf)
        if all(writing.request.sampling.greedy for writing, _ in asking):
            chosen = masked.argmax(-1)
        else:
            rows = zip(asking, masked, strict=True)
            chosen = torch.cat([writing.draw(row[None]) for (writing, _), row in rows])
        best = masked.gather(1, chosen[:, None])[:, 0]
        require_possible(best)
        told = torch.stack([chosen.double(), (best - log_total).exp().double()]).tolist()
        for (writing, _), token, probability in zip(asking, *told, strict=True):
            writing.add(int(token), probability)


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
