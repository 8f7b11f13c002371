"""n-dimensional actions: one location token per dimension and step. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.decoding.automaton import Automaton, Grammar, repeat
from uio2_ros.decoding.grammars import places_pattern
from uio2_ros.decoding.quantities import Floats, fractions_of
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary


def action_steps(
    symbols: Symbols, *, dimensions: int, at_most: int, at_least: int | None = None
) -> Grammar:
    """Between at_least (as many as at_most, if not given) and at_most steps of an action."""
    fewest = at_most if at_least is None else at_least
    if dimensions < 1 or not 1 <= fewest <= at_most:
        raise ValueError(
            f"actions need 1 or more dimensions and 1 <= at_least <= at_most, got {dimensions}, "
            f"{fewest} and {at_most}"
        )
    return Automaton(symbols, repeat(places_pattern(symbols, dimensions), fewest, at_most))


def parse_action_steps(vocabulary: Vocabulary, tokens: Sequence[int], dimensions: int) -> Floats:
    """(steps, dimensions) fractions in [0, 1]; ValueError for anything but whole steps."""
    if not tokens or len(tokens) % dimensions:
        raise ValueError(
            f"a step of the action has {dimensions} location tokens, got {len(tokens)} tokens"
        )
    return fractions_of(vocabulary, list(tokens)).reshape(-1, dimensions)
