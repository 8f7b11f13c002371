"""Texts written together, each within a grammar and with a seed of its own.

Rows come and go between passes of the decoder (continuous batching). What a grammar forces is not
asked of the model: all of it is fed in the pass that asks for the next free token. A text is the
one that it would be alone and token by token. Letters of shapes: B rows under way, N tokens fed in
a pass, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from uio2_ros.decoding.automaton import Grammar
from uio2_ros.inference.constraint import Position, forced_token
from uio2_ros.inference.family import Encoding, Network
from uio2_ros.inference.graphed_passes import SharedPasses
from uio2_ros.inference.passes import EagerPasses, Passes, RowPass, RowResult
from uio2_ros.inference.sampling import Sampling, TokenChooser


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

    def next_pass(self, at_most: int | None) -> RowPass:
        """What the decoder reads next, at most so many tokens, and what is asked of it."""
        text = [self._start_id, *self.tokens] if self._read == 0 else self.tokens[self._read - 1 :]
        fed = text[:at_most]
        first, self._read = self._read, self._read + len(fed)
        self.passes += 1
        self._scored = max(self._scored, min(self._read, len(self.tokens)))
        asks = not self._ended and self._read == len(self.tokens) + 1
        return RowPass(
            fed,
            self.tokens[first : self._read],
            Position(self.request.grammar, self._state, self.request.force_locations)
            if asks
            else None,
            self._draw if asks and self._chooser is not None else None,
        )

    def take(self, found: RowResult) -> None:
        """What the decoder said in the pass that was the last to be asked for."""
        first = min(self._read, len(self.tokens)) - len(found.forced)
        for place, probability in enumerate(found.forced, start=first):
            if self.tokens[place] in self._places:
                self.probabilities[place] = probability
        if found.free is not None:
            self._add(*found.free)

    def _draw(self, scores: Tensor) -> Tensor:
        """The next token (1,) of masked scores (1, V)."""
        assert self._chooser is not None
        self._chooser.skip(self._skipped, scores.shape[-1])
        self._skipped = 0
        return self._chooser(scores)

    def _add(self, token: int, probability: float) -> None:
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

    def __init__(self, network: Network, graphed: SharedPasses | None = None) -> None:
        """graphed: passes that are CUDA graphs, used while nobody else's texts use them."""
        self._network = network
        self._graphed = graphed
        self._passes: Passes = EagerPasses(network)
        self._writings: list[Writing] = []

    def __len__(self) -> int:
        return len(self._writings)

    @torch.inference_mode()
    def admit(self, encoded: Encoding, requests: Sequence[TextRequest]) -> list[Writing]:
        """Begin a text for each of the encoded inputs (B, S, E)."""
        if not self._writings and self._graphed is not None:
            self._passes = self._graphed.borrow(self) or EagerPasses(self._network)
        room = max(request.grammar.longest for request in requests)
        self._passes.admit(encoded, room)
        start_id = self._network.start_id("text")
        new = [Writing(request, start_id) for request in requests]
        self._writings += new
        return new

    @torch.inference_mode()
    def withdraw(self, writing: Writing) -> None:
        """End a text that nobody waits for any more; one that is not under way is none."""
        if writing in self._writings:
            row = self._writings.index(writing)
            self._passes.drop(row)
            last = self._writings.pop()
            if row < len(self._writings):
                self._writings[row] = last

    @torch.inference_mode()
    def step(self) -> list[Writing]:
        """One more free token of every text, or as near to it as one pass comes; those done."""
        asked = [writing.next_pass(self._passes.at_once) for writing in self._writings]
        for writing, found in zip(self._writings, self._passes.run(asked), strict=True):
            writing.take(found)
        done = [writing for writing in self._writings if writing.done]
        for writing in done:
            self.withdraw(writing)
        return done
