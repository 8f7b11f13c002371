"""How sentences begin that ask for a task, and which words of them the task is given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

LOOK = r"(?:find|locate|detect|list|name|show\s+me)"
SHOW = (
    r"(?:(?:show|give|draw|make|estimate|compute|measure|find|what(?:'s|\s+is|\s+are))\s+)?"
    r"(?:me\s+)?(?:(?:the|a)\s+)?"
)
MAKE = r"(?:draw|paint|sketch|make|play|generate|synthesi[sz]e|produce|create|imagine)"
PICTURE = r"(?:picture|image|photo|drawing|painting|sketch)"


def whole(match: re.Match[str]) -> str:
    """The sentence."""
    return match.string


def rest(match: re.Match[str]) -> str:
    """What follows the opening, without final punctuation."""
    return match.string[match.end() :].strip(" \t.?!,:")


def thing(match: re.Match[str]) -> str:
    """The same without article."""
    articles = r"^(?:(?:all|each|every|any|some|of|the|a|an|my|your)\s+)+"
    return re.sub(articles, "", rest(match), flags=re.I)


@dataclass(frozen=True)
class Phrase:
    """An opening of sentences: a regular expression, letter case apart.

    The opening that reads most of a sentence wins. `reason` tells people why, `example` is a
    sentence with this opening, and `instruction` picks the words that the task is given.
    """

    opening: str
    reason: str
    example: str
    instruction: Callable[[re.Match[str]], str] = whole
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pattern = re.compile(self.opening, re.I)
        object.__setattr__(self, "pattern", pattern)

    def match(self, sentence: str) -> re.Match[str] | None:
        """How the sentence begins with the opening; None if not, or if nothing is left to ask."""
        match = self.pattern.match(sentence)
        return match if match and self.instruction(match) else None
