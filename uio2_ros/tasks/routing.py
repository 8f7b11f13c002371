"""Which task a plain sentence asks for, for people at a command line. The service never guesses.

Every task says how sentences begin that ask for it (`Task.phrases`). Of all openings that fit, the
one that reads most of the sentence wins: "find all objects in 3D" is no "find X". Everything else
is free form. How the robot is addressed and courtesies are left out first: a model that acts was
taught orders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from uio2_ros.tasks.registry import TASKS

ADDRESS = re.compile(r"(?:(?:hey|hi|hello|okay|ok|robot|please|kindly)\b[\s,!:.]*)+", re.I)
"""Before what is meant, whatever that is."""
REQUEST = re.compile(
    r"(?:(?:can|could|would|will)\s+you|(?:i|we)(?:'d|\s+would)?\s+(?:want|like|need)\s+you\s+to"
    r"|you\s+(?:should|must)|let(?:'s|\s+us))\b[\s,]*(?:please\b[\s,]*)?",
    re.I,
)
"""Before an order; "can you see it?" is a question."""
COURTESY = re.compile(r"[\s,]*(?:\bplease|\bfor\s+me|\bthanks|\bthank\s+you)(?=[\s.?!]*$)", re.I)
"""Behind what is meant."""


@dataclass(frozen=True)
class Suggestion:
    """A task, the instruction to give it, and why, for people."""

    task: str
    instruction: str
    reason: str


def suggest(sentence: str) -> Suggestion:
    """The task a sentence most likely asks for, and the instruction for it."""
    whole = sentence.strip()
    asked = COURTESY.sub("", _without_address(whole)).strip() or whole
    if request := REQUEST.match(asked):
        order = _suggest(asked[request.end() :].rstrip(" ?"))
        if order.task:
            return order
    return _suggest(asked)


def _without_address(sentence: str) -> str:
    address = ADDRESS.match(sentence)
    return sentence[address.end() :] if address else sentence


def _suggest(asked: str) -> Suggestion:
    fitting = [
        (match.end(), task.name, phrase, match)
        for task in TASKS.values()
        for phrase in task.phrases
        if (match := phrase.match(asked))
    ]
    if not fitting:
        return Suggestion("", asked, "no rule fits")
    _, task, phrase, match = max(fitting, key=lambda fit: fit[0])
    return Suggestion(task, phrase.instruction(match), phrase.reason)


def suggest_task(sentence: str) -> str:
    """The name of the task a sentence most likely asks for; "" is free form."""
    return suggest(sentence).task
