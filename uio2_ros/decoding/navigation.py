"""Navigation: past moves as text for the prompt, and discrete actions by name. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.decoding.automaton import Grammar
from uio2_ros.decoding.grammars import options
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary

REACH_M = 50.0  # positions in prompts cover [-50, 50] m (model.md section 9)


def named_action(symbols: Symbols, names: Sequence[str]) -> Grammar:
    """One of the actions, by name."""
    return options(symbols, names)


def parse_named_action(vocabulary: Vocabulary, tokens: Sequence[int], names: Sequence[str]) -> str:
    """The action the tokens name. Raises ValueError, with the text, for any other text."""
    text = vocabulary.decode(list(tokens)).strip()
    if text not in names:
        raise ValueError(f"the answer is none of the actions {', '.join(names)}: {text!r}")
    return text


def past_move(
    vocabulary: Vocabulary,
    observation: str,
    position_xyz: tuple[float, float, float],
    action: str,
) -> str:
    """One entry of the history in a prompt: `observation ( x z y ) action`.

    position_xyz is in metres, x forward, y left, z up, relative to the start, within 50 m of it
    along each axis; it is written as location tokens in the order x z y. observation names what was
    seen there, for example an image-history token.
    """
    x, y, z = position_xyz
    places = " ".join(_place(vocabulary, metres) for metres in (x, z, y))
    return f"{observation} ( {places} ) {action}"


def _place(vocabulary: Vocabulary, metres: float) -> str:
    if not -REACH_M <= metres <= REACH_M:
        raise ValueError(
            f"a position must be within {REACH_M:g} m of the start along each axis, got {metres} m"
        )
    return vocabulary.decode([vocabulary.location_id((metres + REACH_M) / (2 * REACH_M))])
