"""While the server is not there, another model answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest
from fake_runner import FakeRunner, picture
from patience import patient

from uio2_ros.history.memory import HeapMemory
from uio2_ros.remote.client import RemoteModel
from uio2_ros.remote.fallback import Fallback
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import InProcess, ModelState
from uio2_ros.serving.answerer import Answerer, InferenceRequest
from uio2_ros.serving.runner import LoadedModel
from uio2_ros.serving.status import ModelDescription, ModelStatus

WAIT_S = patient(30.0)
NOTHING = Observation()


class LocalRunner(FakeRunner):
    def run(self, *asked: Any) -> Answer:
        return replace(super().run(*asked), model="local")


@pytest.fixture
def local() -> InProcess:
    return InProcess(lambda: LoadedModel(LocalRunner(), ModelDescription("local")))


@pytest.fixture
def both(server: Any, make_client: Callable[..., RemoteModel], local: InProcess) -> Any:
    with Fallback(make_client(server.uri), local) as both:
        both.first.wait_ready(WAIT_S)
        both.second.wait_ready(WAIT_S)
        yield both


def ask(both: Fallback, text: str) -> Answer:
    return both.submit(Instruction(text), NOTHING, timeout_s=WAIT_S).result(WAIT_S)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


def test_the_server_answers_while_it_is_there(both: Fallback) -> None:
    assert ask(both, "count 1").model == "fake"
    assert both.status().model.name == "fake synthetic"


def test_the_other_answers_while_the_server_is_gone(both: Fallback, server: Any) -> None:
    server.stop()
    wait_until(lambda: both.first.status().state is not ModelState.READY)
    answer = ask(both, "count 1")
    assert (answer.text, answer.model) == ("0", "local")
    status = both.status()
    assert (status.state, status.model.name) == (ModelState.READY, "local")
    assert "local answers here: the link to" in status.reason


def test_what_the_server_had_is_asked_again_here(both: Fallback, server: Any) -> None:
    started, released = threading.Event(), threading.Event()
    answers: list[Answer] = []
    pending = both.submit(
        Instruction("count 40"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=lambda _: started.set(),
        on_released=released.set,
    )
    pending.add_done_callback(lambda done: answers.append(done.result(0)))
    assert started.wait(WAIT_S)
    server.stop()
    assert pending.result(WAIT_S).model == "local"
    assert released.wait(WAIT_S)
    assert [answer.text.split()[-1] for answer in answers] == ["39"]


def test_a_cancelled_instruction_is_not_asked_again(both: Fallback) -> None:
    started = threading.Event()
    pending = both.submit(
        Instruction("count 100000"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=lambda _: started.set(),
    )
    assert started.wait(WAIT_S)
    assert pending.cancel()
    assert pending.result(WAIT_S).error_code is ErrorCode.CANCELED


class Reading(Answerer):
    """READY, and gives its answer when it is told to, while it still reads the observation."""

    def __init__(self) -> None:
        self.memory = HeapMemory()
        self.requests: list[InferenceRequest] = []
        self.pending: Future[Answer] = Future()

    def status(self) -> ModelStatus:
        return ModelStatus(ModelState.READY)

    def take(self, request: InferenceRequest) -> Future[Answer]:
        self.requests.append(request)
        return self.pending


@pytest.mark.parametrize("code", [ErrorCode.CANCELED, ErrorCode.MODEL_NOT_READY])
def test_an_observation_is_released_when_nobody_reads_it_any_more(code: ErrorCode) -> None:
    first, second, released = Reading(), Reading(), threading.Event()
    pending = Fallback(first, second).submit(
        Instruction("count 1"), NOTHING, timeout_s=WAIT_S, on_released=released.set
    )
    first.pending.set_result(Answer.failed(code, "it ended", ""))
    for one in second.requests:
        second.pending.set_result(Answer())
        assert one.on_released is not None
        one.on_released()
    assert pending.done()
    assert not released.is_set(), "the first still reads"
    assert first.requests[0].on_released is not None
    first.requests[0].on_released()
    assert released.is_set()


def test_pictures_are_offered_to_who_answers(both: Fallback, server: Any) -> None:
    released = threading.Event()
    assert both.offer_frame(Frame(picture(1), 1, key=1), on_released=released.set)
    assert released.wait(WAIT_S)
    server.stop()
    wait_until(lambda: both.first.status().state is not ModelState.READY)
    assert both.offer_frame(Frame(picture(1), 1, key=1))


def test_neither_is_there(make_client: Callable[..., RemoteModel], server: Any) -> None:
    def fail() -> LoadedModel:
        raise ValueError("no such bundle")

    server.stop()
    with Fallback(make_client(server.uri), InProcess(fail)) as both:
        both.second.wait_ready(WAIT_S)
        assert both.wait_ready(0.1).state is not ModelState.READY
        assert ask(both, "count 1").error_code is ErrorCode.MODEL_NOT_READY
