"""Token-level grammars: patterns of tokens, compiled into an automaton with vocabulary masks.

A pattern is put together from `tokens`, `literal`, `sequence`, `either` and `repeat`; an
`Automaton` accepts the pattern followed by the end token. States are numbered as they are first
reached; masks and steps are computed when asked for (some 10 us) and not kept, so that a grammar
does not grow with the texts it has seen. numpy only.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Protocol

import numpy as np

from uio2_ros.decoding.vocabulary import Mask, Symbols


class Grammar(Hashable, Protocol):
    """The tokens a text may continue with, after the tokens so far.

    `allowed` returns a read-only mask over the vocabulary; `advance` raises ValueError for a token
    that was not allowed. After the end token the end token alone is allowed, and any is ignored.
    """

    @property
    def symbols(self) -> Symbols: ...
    @property
    def longest(self) -> int:
        """Tokens of the longest text, its end token included."""

    def initial(self) -> Hashable: ...
    def allowed(self, state: Hashable) -> Mask: ...
    def advance(self, state: Hashable, token: int) -> Hashable: ...


class NarrowedGrammar:
    """The beginning of a `Grammar` around another, of whose texts it allows some."""

    def __init__(self, inner: Grammar) -> None:
        self.inner = inner

    @property
    def symbols(self) -> Symbols:
        return self.inner.symbols

    @property
    def longest(self) -> int:
        """Tokens of the longest text, its end token included."""
        return self.inner.longest


@dataclass(frozen=True, eq=False)
class _Node:
    """A place in a pattern: what may come next and where that leads. Equal only to itself."""

    edges: tuple[tuple[TokenSet, _Node], ...]

    @cached_property
    def singles(self) -> dict[int, list[_Node]]:
        """Where each token that an edge names leads."""
        found: dict[int, list[_Node]] = {}
        for among, node in self.edges:
            if isinstance(among, _One):
                found.setdefault(among.token, []).append(node)
        return found

    @cached_property
    def sets(self) -> tuple[tuple[TokenSet, _Node], ...]:
        """The edges for more than one token."""
        return tuple(edge for edge in self.edges if not isinstance(edge[0], _One))

    def allow(self, mask: Mask) -> None:
        """Add the tokens of every edge to a mask."""
        mask[list(self.singles)] = True
        for among in dict.fromkeys(among for among, _ in self.sets):
            among.add_to(mask)

    def after(self, token: int) -> list[_Node]:
        """Where a token leads; nowhere if it is not allowed."""
        return self.singles.get(token, []) + [node for among, node in self.sets if token in among]


class TokenSet(Protocol):
    """A set of tokens: one id, or a vocabulary mask."""

    def __contains__(self, token: int) -> bool: ...
    def add_to(self, mask: Mask) -> None: ...


@dataclass(frozen=True)
class _One:
    token: int

    def __contains__(self, token: int) -> bool:
        return token == self.token

    def add_to(self, mask: Mask) -> None:
        mask[self.token] = True


@dataclass(frozen=True, eq=False)
class _Many:
    members: Mask

    def __contains__(self, token: int) -> bool:
        return bool(0 <= token < len(self.members) and self.members[token])

    def add_to(self, mask: Mask) -> None:
        mask |= self.members


class Pattern(Protocol):
    """A piece of a grammar; `before(rest)` is the place from which it and then rest follow."""

    @property
    def longest(self) -> int:
        """Tokens of the longest match."""

    def before(self, rest: _Node) -> _Node: ...


@dataclass(frozen=True)
class _Token:
    among: TokenSet
    longest: int = 1

    def before(self, rest: _Node) -> _Node:
        return _Node(((self.among, rest),))


@dataclass(frozen=True)
class _Sequence:
    parts: tuple[Pattern, ...]

    @property
    def longest(self) -> int:
        return sum(part.longest for part in self.parts)

    def before(self, rest: _Node) -> _Node:
        return reduce(lambda after, part: part.before(after), reversed(self.parts), rest)


@dataclass(frozen=True)
class _Either:
    options: tuple[Pattern, ...]

    @property
    def longest(self) -> int:
        return max(option.longest for option in self.options)

    def before(self, rest: _Node) -> _Node:
        return _join([option.before(rest) for option in self.options])


@dataclass(frozen=True)
class _Repeat:
    part: Pattern
    at_least: int
    at_most: int

    @property
    def longest(self) -> int:
        return self.part.longest * self.at_most

    def before(self, rest: _Node) -> _Node:
        node = rest
        for done in reversed(range(self.at_most)):
            again = self.part.before(node)
            node = _join([again, rest]) if done >= self.at_least else again
        return node


def _join(nodes: Sequence[_Node]) -> _Node:
    return _Node(tuple(edge for node in nodes for edge in node.edges))


def tokens(among: Mask) -> Pattern:
    """Any one token of a vocabulary mask."""
    return _Token(_Many(among))


def literal(ids: Sequence[int]) -> Pattern:
    """Exactly these tokens."""
    return _Sequence(tuple(_Token(_One(token)) for token in ids))


def sequence(*parts: Pattern) -> Pattern:
    """The parts one after another."""
    return _Sequence(parts)


def either(*options: Pattern) -> Pattern:
    """One of the options; options that start alike share their start, as in a trie."""
    if not options:
        raise ValueError("a choice needs at least one option, got none")
    return _Either(options)


def repeat(part: Pattern, at_least: int, at_most: int) -> Pattern:
    """The part, at_least to at_most times."""
    if not 0 <= at_least <= at_most:
        raise ValueError(f"repetitions need 0 <= at_least <= at_most, got {at_least}, {at_most}")
    return _Repeat(part, at_least, at_most)


_FINISHED = -1


class Automaton:
    """A `Grammar` that accepts a pattern and then the end token. States are integers.

    Not thread-safe: states are made on first use.
    """

    def __init__(self, symbols: Symbols, pattern: Pattern) -> None:
        self.symbols = symbols
        self.longest = pattern.longest + 1
        self._end = symbols.vocabulary.end_id
        self._finished = _Node(())
        start = pattern.before(_Node(((_One(self._end), self._finished),)))
        self._numbers: dict[frozenset[_Node], int] = {}
        self._states: list[_Node] = []
        self._initial = self._number([start])

    def initial(self) -> int:
        """The state before the first token."""
        return self._initial

    def allowed(self, state: Hashable) -> Mask:
        """(vocab_size,) read-only: the tokens that may come next."""
        assert isinstance(state, int)
        mask = np.zeros(self.symbols.vocabulary.vocab_size, np.bool_)
        if state == _FINISHED:
            mask[self._end] = True
        else:
            self._states[state].allow(mask)
        mask.setflags(write=False)
        return mask

    def advance(self, state: Hashable, token: int) -> int:
        """The state after one more token; ValueError for one that is not allowed."""
        assert isinstance(state, int)
        if state == _FINISHED:
            return state
        reached = self._states[state].after(token)
        if not reached:
            allowed = int(self.allowed(state).sum())
            raise ValueError(
                f"token {token} breaks the grammar: {allowed} other tokens were allowed here"
            )
        return self._number(reached)

    def _number(self, nodes: Sequence[_Node]) -> int:
        if self._finished in nodes:
            return _FINISHED
        key = frozenset(nodes)
        if key not in self._numbers:
            self._numbers[key] = len(self._states)
            self._states.append(nodes[0] if len(key) == 1 else _join(list(key)))
        return self._numbers[key]
