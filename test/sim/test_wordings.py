"""What the simulator says, people may say, too: without a task named it leads to one that acts."""

from __future__ import annotations

import pytest

from uio2_ros.sim import SIM_TASKS, Split, sample_episode
from uio2_ros.sim.language import Wordings
from uio2_ros.sim.questions import QUESTIONS
from uio2_ros.tasks import suggest_task

ALWAYS_MANY = {"swap", "sort"}
"""Tasks that always take several steps, so that a plan is asked for."""


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize("task", sorted(SIM_TASKS))
def test_without_a_task_named_an_instruction_leads_to_one_that_acts(
    task: str, split: Split
) -> None:
    asked = {sample_episode(task, seed, split).instruction for seed in range(40)}
    led = {words: suggest_task(words) for words in asked}
    acting = {"navigate"} if task == "go_to" else {"next_action", "plan"}
    assert {words: task for words, task in led.items() if task not in acting} == {}
    if task in ALWAYS_MANY:
        assert set(led.values()) == {"plan"}


@pytest.mark.parametrize("wordings", QUESTIONS)
def test_questions_lead_to_their_task_however_they_are_worded(wordings: Wordings) -> None:
    asked = [one.format(a="a", x="mug", y="tray") for one in (*wordings.train, *wordings.held_out)]
    assert {text: suggest_task(text) for text in asked if suggest_task(text) != "vqa"} == {}
    assert len(set(asked)) == len(asked)
