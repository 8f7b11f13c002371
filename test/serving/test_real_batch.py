"""The bundled model asked by several robots at once answers as it does alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from patience import patient

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import ModelProcess, ModelSpec, ModelState, ServingSettings

WAIT_S = patient(120.0)
TASKS = (
    Instruction("the red block", task="refexp"),
    Instruction("put the red block into the bowl", task="next_action"),
    Instruction("what is it?", task="vqa"),
    Instruction("", task="caption"),
    Instruction("what is it?", task="vqa", seed=5),
)


@pytest.fixture(scope="module")
def process() -> Iterator[ModelProcess]:
    spec = ModelSpec("uio2-nano", threads=1, dtype="float32", warm_up=False)
    with ModelProcess(spec, settings=ServingSettings(concurrent=8, queue_size=32)) as process:
        status = process.wait_ready(WAIT_S)
        assert status.state is ModelState.READY, status.reason
        yield process


def seen(number: int) -> Observation:
    chance = np.random.default_rng(number)
    blocks = chance.integers(0, 256, (15, 20, 3), dtype=np.uint8)
    pixels = np.ascontiguousarray(blocks.repeat(16, axis=0).repeat(16, axis=1))
    return Observation(image=Frame(pixels, stamp_ns=number + 1))


def told(answer: Answer) -> object:
    assert answer.error_code is ErrorCode.NONE, answer.error_msg
    boxes = [(one.box, one.label, pytest.approx(one.score, rel=1e-3)) for one in answer.detections]
    return answer.task, answer.text, answer.timings.tokens, answer.plan, boxes


def test_answers_are_those_asked_alone(process: ModelProcess) -> None:
    questions = [(one, seen(number)) for number, one in enumerate(TASKS * 2)]
    alone = [process.submit(*question, timeout_s=WAIT_S).result(WAIT_S) for question in questions]
    together = [
        process.submit(*question, timeout_s=WAIT_S, robot=f"robot {number % 3}")
        for number, question in enumerate(questions)
    ]
    for one, other in zip(alone, together, strict=True):
        assert told(other.result(WAIT_S)) == told(one)


def test_one_that_is_cancelled_disturbs_no_other(process: ModelProcess) -> None:
    begun = threading.Event()
    caption = Instruction("", task="caption")
    alone = process.submit(caption, seen(1), timeout_s=WAIT_S).result(WAIT_S)
    gone = process.submit(caption, seen(2), timeout_s=WAIT_S, on_progress=lambda _: begun.set())
    stays = process.submit(caption, seen(1), timeout_s=WAIT_S)
    assert begun.wait(WAIT_S)
    gone.cancel()
    assert gone.result(WAIT_S).error_code in (ErrorCode.CANCELED, ErrorCode.NONE)
    assert told(stays.result(WAIT_S)) == told(alone)
