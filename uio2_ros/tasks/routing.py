"""Which task a plain sentence asks for, for people at a command line. The service never guesses.

Each rule is a pattern at the beginning of the sentence; the first that fits wins:

* "find / locate / detect / where is X" is localize with X,
* "pick / put / push / stack / ... X" is next_action,
* "go / turn / drive / move forward ..." is navigate,
* "describe / caption ..." is caption, or audio_caption where it is about sound,
* a question ("what", "how", "is there", ... or a final question mark) is vqa,
* everything else is free form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Suggestion:
    """A task, the instruction to give it, and why, for people."""

    task: str
    instruction: str
    reason: str


@dataclass(frozen=True)
class _Rule:
    task: str
    opening: re.Pattern[str]
    reason: str
    instruction: Callable[[re.Match[str]], str]


def _whole(match: re.Match[str]) -> str:
    return match.string


def _object(match: re.Match[str]) -> str:
    """What is looked for, without article and final punctuation."""
    rest = match.string[match.end() :].strip(" \t.?!,")
    return re.sub(r"^(?:(?:all|each|every|any|some|of|the|a|an|my|your)\s+)+", "", rest, flags=re.I)


def _rule(
    task: str,
    opening: str,
    reason: str,
    instruction: Callable[[re.Match[str]], str] = _whole,
) -> _Rule:
    return _Rule(task, re.compile(rf"(?:please\s+)?(?:{opening})", re.I), reason, instruction)


_RULES = (
    _rule(
        "localize",
        r"(?:find|locate|detect|look\s+for|search\s+for|show\s+me|where(?:'s|\s+is|\s+are))\b\s*(?=\w)",
        "it asks where something is",
        _object,
    ),
    _rule(
        "navigate",
        r"(?:go|drive|navigate|walk|turn|rotate|stop|come|head)\b"
        r"|move\s+(?:forward|forwards|ahead|back|backward|backwards|left|right|to|towards)\b",
        "it asks the base to move",
    ),
    _rule(
        "next_action",
        r"(?:pick|put|place|push|pull|stack|grab|grasp|take|bring|move|sweep|insert|drop|sort|"
        r"rearrange|slide|lift)\b",
        "it asks to handle something",
    ),
    _rule(
        "audio_caption",
        r"(?:describe|caption)\b.*\b(?:sound|audio|noise)s?\b|what\s+(?:do|can)\s+you\s+hear\b",
        "it asks what is to be heard",
    ),
    _rule("caption", r"(?:describe|caption)\b", "it asks for a description"),
    _rule(
        "vqa",
        r"(?:what|which|who|whose|when|why|how|is|are|was|were|do|does|did|can|could|has|have)\b"
        r"|.*\?\s*$",
        "it is a question",
    ),
)


def suggest(sentence: str) -> Suggestion:
    """The task a sentence most likely asks for, and the instruction for it."""
    text = sentence.strip()
    for rule in _RULES:
        match = rule.opening.match(text)
        if match and rule.instruction(match):
            return Suggestion(rule.task, rule.instruction(match), rule.reason)
    return Suggestion("", text, "no rule fits")


def suggest_task(sentence: str) -> str:
    """The name of the task a sentence most likely asks for; "" is free form."""
    return suggest(sentence).task
