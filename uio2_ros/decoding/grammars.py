"""The forms an answer can have: texts, boxes, keypoints, options, locations. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.decoding.automaton import (
    Automaton,
    Grammar,
    Pattern,
    either,
    literal,
    repeat,
    sequence,
    tokens,
)
from uio2_ros.decoding.boxes import CORNERS
from uio2_ros.decoding.corners import OrderedCorners
from uio2_ros.decoding.template import continuation, location_text, template
from uio2_ros.decoding.vocabulary import Symbols

LEADING_BLANKS = 1  # the bare word boundary before a character that is spelled in bytes


def text_pattern(symbols: Symbols, longest: int) -> Pattern:
    """Some text that is not blank, up to `longest` tokens, without location or special tokens."""
    return _not_blank(symbols, tokens(symbols.visible), tokens(symbols.text), longest)


def free_text(symbols: Symbols, longest: int) -> Grammar:
    """A text without location or special tokens, up to `longest` tokens."""
    return Automaton(symbols, text_pattern(symbols, longest))


def free_form(symbols: Symbols, longest: int) -> Grammar:
    """Text and location tokens in any order, up to `longest` tokens, and not blank."""
    something = tokens(symbols.visible | symbols.locations)
    anything = tokens(symbols.text | symbols.locations)
    return Automaton(symbols, _not_blank(symbols, something, anything, longest))


def _not_blank(symbols: Symbols, first: Pattern, following: Pattern, longest: int) -> Pattern:
    """`first`, blanks before it or not, and then `following` up to `longest` tokens in all."""
    if longest < 1:
        raise ValueError(f"a text needs room for at least one token, got {longest}")
    return either(
        *(
            sequence(
                repeat(tokens(symbols.blank), blanks, blanks),
                first,
                repeat(following, 0, longest - blanks - 1),
            )
            for blanks in range(min(LEADING_BLANKS + 1, longest))
        )
    )


def locations(symbols: Symbols, count: int) -> Grammar:
    """Exactly `count` location tokens: a box with 4, an n-dimensional action with n."""
    if count < 1:
        raise ValueError(f"a location answer needs at least one token, got {count}")
    return Automaton(symbols, places_pattern(symbols, count))


def single_box(symbols: Symbols) -> Grammar:
    """One box with an area: y1 x1 y2 x2."""
    return OrderedCorners(locations(symbols, CORNERS))


def label_pattern(symbols: Symbols, label_tokens: int, labels: Sequence[str]) -> Pattern:
    """What follows a row of locations: one of `labels`, or free text of up to `label_tokens`."""
    if labels:
        return _one_of(symbols, labels, before=location_text(symbols))
    return text_pattern(symbols, label_tokens)


def labelled_boxes(
    symbols: Symbols,
    *,
    at_most: int,
    label_tokens: int,
    labels: Sequence[str] = (),
    at_least: int = 0,
) -> Grammar:
    """Boxes, each followed by its label: one of `labels`, or free text of up to `label_tokens`.

    A box has an area: its second corner lies below and right of its first.
    """
    label = label_pattern(symbols, label_tokens, labels)
    box = sequence(places_pattern(symbols, CORNERS), label)
    return OrderedCorners(Automaton(symbols, repeat(box, at_least, at_most)))


def named_points(symbols: Symbols, names: Sequence[str]) -> Grammar:
    """Every named point in order: y x name. Each point is predicted, visible or not.

    Names are plain words, different from each other whatever their case; ValueError for others.
    """
    _check_names(symbols, names)
    return Automaton(symbols, template(symbols, " ".join(f"{{}} {{}} {name}" for name in names)))


def options(symbols: Symbols, texts: Sequence[str]) -> Grammar:
    """One of the given texts."""
    return Automaton(symbols, _one_of(symbols, texts))


def _check_names(symbols: Symbols, names: Sequence[str]) -> None:
    if not names:
        raise ValueError("keypoints need at least one name, got none")
    for name in names:
        plain = all(symbols.text[token] for token in symbols.vocabulary.encode(name))
        if not name.strip() or name != name.strip() or "{}" in name or not plain:
            raise ValueError(f"the name of a keypoint is made of plain words, got {name!r}")
    folded = [name.lower() for name in names]
    if twice := [name for name in names if folded.count(name.lower()) > 1]:
        raise ValueError(f"keypoints need different names, {twice[0]!r} is given twice")


def places_pattern(symbols: Symbols, count: int) -> Pattern:
    """Exactly `count` location tokens."""
    return sequence(*[tokens(symbols.locations)] * count)


def _one_of(symbols: Symbols, texts: Sequence[str], before: str = "") -> Pattern:
    if blank := [text for text in texts if not text.strip()]:
        raise ValueError(f"an answer to choose must not be blank, got {blank[0]!r}")
    return either(*(literal(continuation(symbols, before, text)) for text in texts))
