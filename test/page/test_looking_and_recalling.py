"""Asking again and again, and asking the memory, on a page without a browser and a robot."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
pytest.importorskip("nicegui", reason="needs the extra page")

from nicegui import ui
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation

from uio2_ros.page.browser.ask_form import AskForm
from uio2_ros.page.browser.recall_card import RecallCard
from uio2_ros.page.browser.watch_card import WatchCard
from uio2_ros.page.questions import Questions, StandingQuestion
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.located import RangeSource, RememberedObject
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.registry import tasks_of
from uio2_ros.tasks.task import DEFAULT_FAMILY

MUG = RememberedObject(
    7,
    "red mug",
    0.9,
    "map",
    Pose3D((1.0, 2.0, 0.5)),
    (0.1, 0.1, 0.1),
    0.02,
    RangeSource.DEPTH,
    0,
    180,
)
NO_MEMORY = "the agent has no memory open"


@dataclass
class StandInRobot:
    """Has the parts of RobotLink that these cards use."""

    watches: Questions[StandingQuestion] = field(default_factory=lambda: Questions(2))
    pending: list[Future[Any]] = field(default_factory=list)
    asked: list[Instruction] = field(default_factory=list)
    recalled: Any = ()
    """What is remembered, or the error."""

    def keep_looking(self, standing: StandingInstruction) -> None:
        def submit(question: StandingQuestion) -> Future[Any]:
            del question
            self.pending.append(Future())
            return self.pending[-1]

        self.watches.ask(StandingQuestion(standing), submit)

    async def recall(self, query: str, **limits: Any) -> Any:
        del query, limits
        if isinstance(self.recalled, Exception):
            raise self.recalled
        return self.recalled


async def opened(user: User, robot: StandInRobot) -> WatchCard:
    cards: list[WatchCard] = []

    @ui.page("/")
    def page() -> None:
        tasks = tasks_of(DEFAULT_FAMILY)
        AskForm(lambda: tasks, robot.asked.append, robot.keep_looking)
        cards.append(WatchCard(robot))  # type: ignore[arg-type]
        RecallCard(robot)  # type: ignore[arg-type]

    await user.open("/")
    return cards[0]


def test_what_is_typed_is_asked_again_and_again_and_cancelled_where_it_is_listed() -> None:
    robot = StandInRobot()

    async def use() -> None:
        async with user_simulation() as user:
            card = await opened(user, robot)
            user.find(marker="keep-looking").click()
            user.find(marker="sentence").type("find the red mug")
            user.find(marker="until").click()
            user.find("seen").click()
            user.find(marker="ask").click()
            (question,) = robot.watches.under_way()
            card.refresh()
            await user.should_see("no answer yet")
            question.on_answer(Answer(text="a red mug"))
            card.refresh()
            await user.should_see("answer 1: a red mug")
            user.find("Cancel").click()
            card.refresh()
            await user.should_see("CANCELED")

    asyncio.run(use())
    assert robot.asked == []
    (question,) = robot.watches.over()
    assert question.standing == StandingInstruction(question.instruction, 2.0, Until.SEEN)
    assert robot.pending[0].cancelled()


@pytest.mark.parametrize(
    ("recalled", "told"),
    [
        ((MUG,), "x 1.000, y 2.000, z 0.500 m in map"),
        ((MUG,), "seen 3 min ago, confidence 0.90"),
        ((), "Nothing like it is remembered."),
        (InstructionError(ErrorCode.INVALID_REQUEST, NO_MEMORY), NO_MEMORY),
    ],
)
def test_where_something_is_is_told_or_why_not(recalled: Any, told: str) -> None:
    async def use() -> None:
        async with user_simulation() as user:
            await opened(user, StandInRobot(recalled=recalled))
            user.find(marker="recall").click()
            await user.should_see(told, retries=20)

    asyncio.run(use())
