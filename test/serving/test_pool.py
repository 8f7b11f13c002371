"""Several models as one: who answers whom, and what happens when one ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial

import numpy as np
import pytest
from fake_runner import make
from patience import patient

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import InProcess, ModelPool, ModelSpec, ModelState

WAIT_S = patient(30.0)
NOTHING = Observation()
NOTHING_TO_SEE = np.zeros((8, 8, 3), np.uint8)
ROBOTS = ("arm", "base")
"""Their names stand for different members of two."""


@pytest.fixture
def pool() -> Iterator[ModelPool]:
    with ModelPool([InProcess(partial(make, ModelSpec())) for _ in range(2)]) as pool:
        assert pool.wait_ready(WAIT_S).state is ModelState.READY
        yield pool


def answered(pool: ModelPool) -> list[int]:
    """How many answers each member gave."""
    return [member.status().counts.get("answered", 0) for member in pool.members]


def ask(pool: ModelPool, robot: str, text: str = "count 1") -> Answer:
    return pool.submit(Instruction(text), NOTHING, timeout_s=WAIT_S, robot=robot).result(WAIT_S)


def begin(pool: ModelPool, robot: str) -> Future[Answer]:
    """An endless instruction that a member has begun."""
    begun = threading.Event()
    pending = pool.submit(
        Instruction("count 1000000"),
        NOTHING,
        timeout_s=WAIT_S,
        robot=robot,
        on_progress=lambda _: begun.set(),
    )
    assert begun.wait(WAIT_S)
    return pending


def test_a_robot_is_answered_by_the_member_that_knows_it(pool: ModelPool) -> None:
    for _ in range(3):
        assert ask(pool, "arm").text == "0"
    assert sorted(answered(pool)) == [0, 3]
    ask(pool, "base")
    assert sorted(answered(pool)) == [1, 3]
    assert pool.status().counts["answered"] == 4


def test_a_robot_goes_where_less_is_to_be_done(pool: ModelPool) -> None:
    under_way = begin(pool, "arm")
    waiting = pool.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S, robot="arm")
    assert ask(pool, "arm").text == "0", "the member of its name has two already"
    assert not waiting.done()
    under_way.cancel()
    assert waiting.result(WAIT_S).text == "0"


def test_the_others_answer_when_a_member_has_ended(pool: ModelPool) -> None:
    pool.members[0].close()
    assert pool.status().state is ModelState.READY
    assert [ask(pool, robot).text for robot in ROBOTS] == ["0", "0"]
    pool.members[1].close()
    assert pool.status().state is ModelState.STOPPED
    assert ask(pool, "arm").error_code is ErrorCode.MODEL_NOT_READY


def test_a_frame_is_encoded_where_its_robot_is_answered(pool: ModelPool) -> None:
    frame = Frame(NOTHING_TO_SEE, stamp_ns=1, key=5)
    for _ in range(2):
        released = threading.Event()
        assert pool.offer_frame(frame, robot="arm", on_released=released.set)
        assert released.wait(WAIT_S)
    ask(pool, "arm")
    encoded = [member.status().counts.get("frames_encoded", 0) for member in pool.members]
    assert [2 * count for count in answered(pool)] == encoded


def test_a_pool_has_members() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        ModelPool([])


def test_what_is_refused_for_its_timeout_makes_no_member_busy(pool: ModelPool) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="timeout of an instruction is 0"):
            pool.submit(Instruction("count 1"), NOTHING, timeout_s=0, robot="arm")
    before = answered(pool)
    ask(pool, "arm")
    ask(pool, "base")
    assert sorted(new - old for new, old in zip(answered(pool), before, strict=True)) == [1, 1]
