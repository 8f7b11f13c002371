"""Instructions that join others under way are answered as alone."""

from __future__ import annotations

import pytest

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import Instruction


def nobody(*_: object) -> None:
    return None


def run_out(batch, count):
    ended = {}
    while len(ended) < count:
        ended |= dict(batch.step())
    return ended


def test_one_that_comes_later_joins_and_may_end_sooner(runner, engine, observation):
    engine.script = ["a red mug on a large wooden table", "left"]
    batch = runner.open_batch()
    order = []
    batch.begin(1, Instruction("", "caption"), observation, nobody)
    assert batch.step() == []
    batch.begin(2, Instruction("go on", "navigate"), observation, nobody)
    ended = {}
    while len(ended) < 2:
        for number, outcome in batch.step():
            order.append(number)
            ended[number] = outcome
    assert order == [2, 1]
    assert ended[1].text == "a red mug on a large wooden table"
    assert (ended[2].text, ended[2].task) == ("left", "navigate")
    assert ended[1].timings.tokens > ended[2].timings.tokens > 0
    assert batch.step() == []


def test_what_is_refused_or_cancelled_disturbs_no_other(runner, engine, observation):
    class Gone(Exception):
        pass

    def gone(_stage, _text, tokens):
        if tokens >= 2:
            raise Gone

    engine.script = ["a red mug on a table", "a blue cup on a table"]
    batch = runner.open_batch()
    batch.begin(1, Instruction("", "no such task"), observation, nobody)
    batch.begin(2, Instruction("", "caption"), observation, gone)
    batch.begin(3, Instruction("", "caption"), observation, nobody)
    ended = run_out(batch, 3)
    assert isinstance(ended[1], InstructionError)
    assert ended[1].code is ErrorCode.UNKNOWN_TASK
    assert isinstance(ended[2], Gone)
    assert isinstance(ended[3], Answer)
    assert ended[3].text == "a blue cup on a table"


@pytest.mark.parametrize("count", [1, 20])
def test_more_than_a_batch_holds_wait_inside(runner, engine, observation, count):
    engine.script = [f"cup {n}" for n in range(count)]
    batch = runner.open_batch()
    for number in range(count):
        batch.begin(number, Instruction("", "caption"), observation, nobody)
    ended = run_out(batch, count)
    assert [ended[n].text for n in range(count)] == [f"cup {n}" for n in range(count)]
