"""Instructions that the page's server has asked."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from uio2_ros.page.questions import KEPT, AskedQuestion, Questions, StandingQuestion
from uio2_ros.robot.answer import Answer, Progress, Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction

CUP = Instruction("cup", "localize")


class Agent:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.pending: list[Future[Any]] = []

    def submit(self, question: AskedQuestion) -> Future[Any]:
        del question
        self.pending.append(Future())
        return self.pending[-1]


def asking(most: int) -> Questions[AskedQuestion]:
    return Questions(most)


def test_an_answer_ends_a_question_and_it_is_remembered() -> None:
    agent, questions = Agent(), asking(2)
    question = questions.ask(AskedQuestion(CUP), agent.submit)
    assert questions.under_way() == (question,)
    agent.pending[0].set_result(Answer(text="there"))
    assert questions.under_way() == ()
    assert questions.named(question.id).answer.text == "there"
    assert asyncio.run(question.ended()).text == "there"


def test_more_than_may_be_are_busy() -> None:
    agent, questions = Agent(), asking(1)
    first = questions.ask(AskedQuestion(CUP), agent.submit)
    with pytest.raises(InstructionError) as refused:
        questions.ask(AskedQuestion(CUP), agent.submit)
    assert refused.value.code is ErrorCode.BUSY
    agent.pending[0].set_result(Answer())
    assert questions.ask(AskedQuestion(CUP), agent.submit) is not first


def test_one_that_cannot_be_sent_takes_no_place() -> None:
    def submit(question: AskedQuestion) -> Future[Any]:
        raise InstructionError(ErrorCode.UNKNOWN, f"no agent for {question.instruction.task}")

    questions = asking(1)
    for _ in range(2):
        with pytest.raises(InstructionError, match="no agent"):
            questions.ask(AskedQuestion(CUP), submit)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (InstructionError(ErrorCode.TIMEOUT, "late"), ErrorCode.TIMEOUT),
        (RuntimeError("broken"), ErrorCode.UNKNOWN),
    ],
)
def test_an_error_is_the_end_too(raised: Exception, code: ErrorCode) -> None:
    agent = Agent()
    question = asking(1).ask(AskedQuestion(CUP), agent.submit)
    agent.pending[0].set_exception(raised)
    with pytest.raises(InstructionError) as told:
        asyncio.run(question.ended())
    assert told.value.code is code


def test_whoever_follows_sees_the_newest_progress_and_the_end() -> None:
    agent = Agent()
    question = asking(1).ask(AskedQuestion(CUP), agent.submit)

    async def follow() -> list[str]:
        texts = []
        async for progress in question.changes():
            texts.append(progress.text)
            if progress.text == "b":
                agent.pending[0].set_result(Answer())
            else:
                question.on_progress(Progress(Stage.GENERATING, "b"))
        return texts

    question.on_progress(Progress(Stage.GENERATING, "lost"))
    question.on_progress(Progress(Stage.GENERATING, "a"))
    assert asyncio.run(follow()) == ["a", "b"]


def test_all_that_are_under_way_can_be_cancelled() -> None:
    agent, questions = Agent(), asking(3)
    for _ in range(3):
        questions.ask(AskedQuestion(CUP), agent.submit)
    questions.cancel_all()
    assert all(pending.cancelled() for pending in agent.pending)


def test_only_the_last_are_remembered() -> None:
    agent, questions = Agent(), asking(1)
    asked = []
    for _ in range(KEPT + 1):
        asked.append(questions.ask(AskedQuestion(CUP), agent.submit))
        agent.pending[-1].set_result(Answer())
    assert questions.named(asked[-1].id) is asked[-1]
    with pytest.raises(InstructionError, match="no instruction"):
        questions.named(asked[0].id)


def test_whoever_follows_a_standing_instruction_sees_the_last_answer_however_soon_it_ends() -> None:
    agent = Agent()
    watches: Questions[StandingQuestion] = Questions(1)
    question = watches.ask(StandingQuestion(StandingInstruction(CUP)), agent.submit)

    async def follow() -> list[str]:
        texts = []
        async for answer in question.answers():
            texts.append(answer.text)
            if answer.text == "a":
                question.on_answer(Answer(text="b"))
                agent.pending[0].set_result(Answer(text="b"))
        return texts

    question.on_answer(Answer(text="a"))
    assert asyncio.run(follow()) == ["a", "b"]
    assert question.answered[0] == 2
    assert watches.over() == (question,)
