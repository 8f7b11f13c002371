"""What people ask beyond the simulator's world."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.sim.beyond import ABOUT_ITSELF, STRANGERS, UNKNOWN, strange_questions
from uio2_ros.sim.language import Wordings
from uio2_ros.sim.spec import Shape
from uio2_ros.sim.splits import Split
from uio2_ros.tasks import suggest_task
from uio2_ros.training.spoken import SYNONYMS


@pytest.mark.parametrize("wordings", [STRANGERS, UNKNOWN, ABOUT_ITSELF])
def test_what_is_held_out_is_not_in_training(wordings: Wordings) -> None:
    assert not set(wordings.train) & set(wordings.held_out)


def test_no_stranger_is_an_object_of_the_simulator() -> None:
    known = {shape.value for shape in Shape} | set(SYNONYMS.values())
    assert not known & {*STRANGERS.train, *STRANGERS.held_out}


@pytest.mark.parametrize("split", list(Split))
def test_strange_questions_are_answered_truly(split: Split) -> None:
    presence, colour, unknown, itself = strange_questions(split, np.random.default_rng(0))
    assert presence.answer == "no"
    thing = colour.answer.removeprefix("there is no ")
    assert thing in colour.text
    assert unknown.answer == "I do not know."
    assert itself.answer.startswith("I find")
    assert suggest_task(unknown.text) == "vqa"
