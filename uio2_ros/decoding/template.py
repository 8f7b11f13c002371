"""Fixed text between free tokens, tokenised the way the tokenizer would in context. numpy only."""

from __future__ import annotations

from uio2_ros.decoding.automaton import Pattern, literal, sequence, tokens
from uio2_ros.decoding.vocabulary import Symbols

LOCATION = "{}"


def continuation(symbols: Symbols, before: str, text: str) -> list[int]:
    """Tokens of `text` where it follows `before` and a space.

    Raises ValueError where the tokenizer merges across that space: then `text` has no tokens of
    its own.
    """
    encode = symbols.vocabulary.encode
    head = encode(before)
    whole = encode(f"{before} {text}" if before else text)
    if whole[: len(head)] != head:
        raise ValueError(
            f"the tokenizer merges {before!r} with the following {text!r}; grammars need one that "
            "splits at spaces"
        )
    return whole[len(head) :]


def location_text(symbols: Symbols) -> str:
    """The text of some location token, to stand for all of them inside a template."""
    return symbols.vocabulary.decode([symbols.vocabulary.location_ids[0]])


def template(symbols: Symbols, text: str, before: str = "") -> Pattern:
    """Fixed text in which each `{}` is any location token; `before` is the text it follows."""
    place = location_text(symbols)
    ids = continuation(symbols, before.replace(LOCATION, place), text.replace(LOCATION, place))
    anywhere = tokens(symbols.locations)
    return sequence(*(anywhere if symbols.locations[token] else literal([token]) for token in ids))
