"""Instructions as people would say them, with the answers that they then have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.training.spoken import spoken

BOX = Box(0, 0, 10, 10)


def said(labelled: LabelledTask, share: float = 1.0) -> list[LabelledTask]:
    """It, said anew many times."""
    sample = Sample("key", Observation(), (labelled,))
    return [spoken(sample, share, np.random.default_rng(seed)).tasks[0] for seed in range(80)]


def test_another_name_is_that_of_the_boxes_too() -> None:
    found = Answer(detections=(Detection(BOX, "red mug"),))
    told = said(LabelledTask(Instruction("red mug", "localize"), found))
    assert {one.instruction.instruction for one in told} == {"red mug", "red cup"}
    assert all(one.answer.detections[0].label == one.instruction.instruction for one in told)


def test_questions_lose_capitals_and_marks_and_keep_their_answers() -> None:
    told = said(LabelledTask(Instruction("How many dishes are there?", "vqa"), Answer(text="2")))
    texts = {one.instruction.instruction for one in told}
    assert {"how many dishes are there", "How many dishes are there?"} <= texts
    assert {one.answer.text for one in told} == {"2"}


def test_what_is_missing_is_called_as_it_was_asked_for() -> None:
    asked = Instruction("What colour is the plate?", "vqa")
    told = said(LabelledTask(asked, Answer(text="there is no plate")))
    names = {("dish" in one.instruction.instruction, one.answer.text) for one in told}
    assert names == {(True, "there is no dish"), (False, "there is no plate")}


def test_plurals_are_those_of_the_other_name() -> None:
    told = said(LabelledTask(Instruction("Count the plates.", "vqa"), Answer(text="1")))
    assert any("dishes" in one.instruction.instruction for one in told)


def test_nothing_is_changed_where_nobody_speaks_or_options_are_given() -> None:
    question = LabelledTask(Instruction("Is there a mug?", "vqa"), Answer(text="no"))
    assert all(one == question for one in said(question, share=0.0))
    chosen = replace(question, instruction=replace(question.instruction, options=("yes", "no")))
    assert all(one == chosen for one in said(chosen))
    silent = LabelledTask(Instruction("", "detect"), Answer())
    assert all(one == silent for one in said(silent))
