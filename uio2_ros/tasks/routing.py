"""Which task a plain sentence asks for, for people at a command line. The service never guesses.

Every task says how sentences begin that ask for it (`Task.phrases`). Of all openings that fit, the
one that reads most of the sentence wins: "find all objects in 3D" is no "find X". Everything else
is free form.
"""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.tasks.registry import TASKS


@dataclass(frozen=True)
class Suggestion:
    """A task, the instruction to give it, and why, for people."""

    task: str
    instruction: str
    reason: str


def suggest(sentence: str) -> Suggestion:
    """The task a sentence most likely asks for, and the instruction for it."""
    asked = sentence.strip()
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
