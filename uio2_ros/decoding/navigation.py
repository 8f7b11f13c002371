"""Navigation: past moves as text for the prompt, and discrete actions by name. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.decoding.automaton import Grammar
from uio2_ros.decoding.grammars import options
from uio2_ros.decoding.points import PointCodec
from uio2_ros.decoding.vocabulary import Symbols, Vocabulary

POSITIONS = PointCodec()


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
    along each axis; see `PointCodec`. observation names what was seen there, for example an
    image-history token.
    """
    places = POSITIONS.encode(vocabulary, [position_xyz])[0]
    return f"{observation} ( {vocabulary.decode(places.tolist())} ) {action}"
