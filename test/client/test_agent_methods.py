"""The methods that tasks give a client: what they send, and what they read out of the answer."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from std_msgs.msg import Header

from uio2_ros.cli import ask
from uio2_ros.client import AgentClient, AgentError, PendingAnswer
from uio2_ros.client.agent_methods import AgentMethods
from uio2_ros.messages.answers import answer_of, result_message
from uio2_ros.robot.answer import Answer, Picture
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.tasks import TASKS
from uio2_ros.tasks.registry import registry


class Asked(AgentMethods):
    """Has no agent: keeps what is asked and answers with what it has."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Instruction] = []
        self.settings: dict[str, Any] = {}

    def submit(
        self, instruction: Instruction, read: Callable[[Any], Any], **settings: Any
    ) -> PendingAnswer[Any]:
        self.asked.append(instruction)
        self.settings = settings
        pending = PendingAnswer(
            lambda result: read(answer_of(result, instruction.task)), "/agent", 0.0, lambda: False
        )
        pending.answered(result_message(self.answer, "", Header()))
        return pending

    def wait_for(self, submit: Callable[[], PendingAnswer[Any]]) -> Any:
        return submit().result(0)


def test_every_task_has_both_methods() -> None:
    for task in TASKS.values():
        for name in task.methods:
            waits, sends = getattr(AgentClient, name), getattr(AgentClient, f"{name}_async")
            for method in (waits, sends) if task.name else ():
                taken = list(inspect.signature(method).parameters)
                own = [argument.name for argument in task.arguments]
                assert taken == ["self", *own, "settings"], name


def test_the_type_of_the_answer_is_told() -> None:
    assert inspect.signature(AgentClient.localize).return_annotation == "tuple[Detection, ...]"
    told = inspect.signature(AgentClient.localize_async).return_annotation
    assert told == "PendingAnswer[tuple[Detection, ...]]"


@pytest.mark.parametrize(
    ("method", "instruction"),
    [
        (lambda agent: agent.locate("the mug"), Instruction("the mug", "refexp")),
        (lambda agent: agent.refexp("the mug"), Instruction("the mug", "refexp")),
        (lambda agent: agent.cuboids(["mug"]), Instruction("", "cuboids", ("mug",))),
        (
            lambda agent: agent.vqa("Is {box} red?", ("yes", "no"), Box(0, 0, 8, 8)),
            Instruction("Is {box} red?", "vqa", ("yes", "no"), Box(0, 0, 8, 8)),
        ),
        (
            lambda agent: agent.inpaint(Box(0, 0, 8, 8), "a mug", seed=3),
            Instruction("a mug", "inpaint", region=Box(0, 0, 8, 8), seed=3),
        ),
        (
            lambda agent: agent.plan("stack", action_space="vima"),
            Instruction("stack", "plan", action_space="vima"),
        ),
        (lambda agent: agent.caption_async(), Instruction("", "caption")),
    ],
)
def test_arguments_become_the_fields_of_the_instruction(
    method: Callable[[Any], Any], instruction: Instruction
) -> None:
    agent = Asked(Answer(text="no idea"))
    with contextlib.suppress(AgentError):  # there may be no answer
        method(agent)
    assert agent.asked == [instruction]


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of docs/tasks.md, brought by another package."""
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "counting_for_a_client.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    found = registry([EntryPoint("count", "counting_for_a_client:TASK", "uio2_ros.tasks")])
    monkeypatch.setattr("uio2_ros.tasks.registry._installed", lambda: found)


@pytest.mark.usefixtures("count")
def test_a_task_of_another_package_can_be_asked_like_any_other() -> None:
    agent = Asked(Answer(text="3"))
    assert agent.count("cups") == agent.count_async("cups").result(0) == 3
    assert agent.asked == [Instruction("cups", "count")] * 2
    assert list(inspect.signature(AgentClient.count).parameters) == ["self", "what", "settings"]
    assert "  count WHAT\n" in ask._parser().format_help()
    for words in (["how many?", "--task", "count"], ["tally the cups"]):
        assert ask.choose_task(ask._parser().parse_args(words)).task == "count"


def test_settings_are_of_the_request_and_unknown_ones_are_refused() -> None:
    agent = Asked(Answer(text="a mug"))
    assert agent.caption(timeout_s=5, max_age_s=1, seed=2) == "a mug"
    assert agent.settings == {"timeout_s": 5, "max_age_s": 1}
    assert agent.asked[0].seed == 2
    with pytest.raises(TypeError, match=r"caption\(\) got an unexpected argument 'colour'"):
        agent.caption(colour="red")


@pytest.mark.parametrize(
    ("task", "what"),
    [
        ("locate", "region"),
        ("plan", "step"),
        ("generate_audio", "sound"),
        ("edit_image", "picture"),
    ],
)
def test_an_answer_without_what_was_asked_for_is_the_agents_error(task: str, what: str) -> None:
    agent = Asked(Answer(text="no idea"))
    with pytest.raises(AgentError, match=f"has no {what}, only the text 'no idea'") as caught:
        getattr(agent, task)("mug")
    assert caught.value.code is ErrorCode.PARSE_FAILED


def test_masks_come_as_one_and_scores_by_their_options() -> None:
    masks = [np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)]
    masks[0][0], masks[1][3] = 255, 255
    agent = Asked(Answer(pictures=tuple(Picture("mask", mask, "mug", 0.5) for mask in masks)))
    assert np.array_equal(agent.segment("mug").pixels, masks[0] | masks[1])
    agent.answer = Answer(text="yes", options=("yes", "no"), scores=(-0.5, -1.5))
    assert agent.score("Is it red?", ("yes", "no")) == {"yes": -0.5, "no": -1.5}
