"""What objects are called: words that tell whether two names, or a question, mean one thing."""

from __future__ import annotations

import re

Words = frozenset[str]

_QUESTIONS = """
a all an and any anywhere are at be can did do does ever find for from had has have i in is it know
last locate look looking me my of on one our please robot saw see seen some tell that the there they
this to us was we were what when where you your
"""
_EMPTY_WORDS = frozenset(_QUESTIONS.split())
"""Words of questions that name no object."""


def words_of(text: str) -> Words:
    """The words that name something, in the singular and lower case."""
    found = (word for word in re.findall(r"\w+", text.lower()) if word not in _EMPTY_WORDS)
    return frozenset(map(_singular, found))


def may_be_one(one: Words, other: Words) -> bool:
    """Whether one name says no more than the other: "mug" and "red mug", not "blue mug"."""
    return bool(one) and bool(other) and (one <= other or other <= one)


def likeness(asked: Words, name: Words) -> float:
    """How well a name answers what was asked, in (0, 1]; 0 where it does not."""
    return len(asked & name) / len(asked | name) if may_be_one(asked, name) else 0.0


def _singular(word: str) -> str:
    plural = len(word) > 3 and word.endswith("s") and not word.endswith("ss")
    return word[:-1] if plural else word
