"""Samples as people would say them: other words for things, letters small or large, marks left out.

The simulator always says "Is there a red mug?"; somebody types "is there a red cup".
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.robot.answer import Answer
from uio2_ros.tasks.registry import task_named
from uio2_ros.tasks.task import Use

SYNONYMS = {
    "cube": "block",
    "ball": "sphere",
    "mug": "cup",
    "plate": "dish",
    "ring": "hoop",
    "cylinder": "can",
    "bottle": "flask",
}
SYNONYM = 0.25
"""Of the sentences that are said in other ways, how many have a thing called by its other name."""
CASE, UNMARKED, MARKED = 0.5, 0.4, 0.15
"""How many have another first letter, no mark at the end where there was one, and one where not."""
MISSING = "there is no "


def spoken(sample: Sample, share: float, rng: np.random.Generator) -> Sample:
    """A sample of which so many instructions, 0 to 1, are said in another way; answers follow."""
    tasks = (_said(one, rng) if rng.uniform() < share else one for one in sample.tasks)
    return replace(sample, tasks=tuple(tasks))


def _said(labelled: LabelledTask, rng: np.random.Generator) -> LabelledTask:
    asked = labelled.instruction
    if asked.options or task_named(asked.task).use_of("instruction") is Use.NONE:
        return labelled
    answer = labelled.answer
    if rng.uniform() < SYNONYM:
        known = [word for word in SYNONYMS if re.search(rf"\b{word}s?\b", asked.instruction)]
        if known:
            word = known[int(rng.integers(len(known)))]
            asked = replace(asked, instruction=_renamed(asked.instruction, word))
            answer = _follow(answer, word)
    if not answer.detections:  # an expression is no sentence
        asked = replace(asked, instruction=_spelled(asked.instruction, rng))
    return replace(labelled, instruction=asked, answer=answer)


def _follow(answer: Answer, word: str) -> Answer:
    """Boxes bear the name that was asked for, and what is missing is called as asked."""
    text = _renamed(answer.text, word) if answer.text.startswith(MISSING) else answer.text
    found = tuple(replace(one, label=_renamed(one.label, word)) for one in answer.detections)
    return replace(answer, text=text, detections=found)


def _renamed(text: str, word: str) -> str:
    other = SYNONYMS[word]
    many = f"{other}es" if other.endswith("sh") else f"{other}s"
    return re.sub(rf"\b{word}\b", other, re.sub(rf"\b{word}s\b", many, text))


def _spelled(text: str, rng: np.random.Generator) -> str:
    if rng.uniform() < CASE:
        text = text[:1].swapcase() + text[1:]
    if text.endswith((".", "?")):
        return text[:-1] if rng.uniform() < UNMARKED else text
    return f"{text}." if " " in text and rng.uniform() < MARKED else text
