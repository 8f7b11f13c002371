"""A model in this process, asked like any other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from fake_runner import FakeRunner, make, picture
from patience import patient

from uio2_ros.robot.answer import Answer, Progress, Stage
from uio2_ros.robot.errors import CheckpointError, ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import InProcess, ModelSpec, ModelState
from uio2_ros.serving.answerer import Answerer

WAIT_S = patient(30.0)
NOTHING = Observation()


@pytest.fixture
def answerer() -> Iterator[InProcess]:
    with InProcess(partial(make, ModelSpec())) as answerer:
        assert answerer.wait_ready(WAIT_S).state is ModelState.READY
        yield answerer


def ask(answerer: Answerer, text: str) -> Answer:
    return answerer.submit(Instruction(text), NOTHING, timeout_s=WAIT_S).result(WAIT_S)


def begin(answerer: Answerer, text: str, **options: object) -> object:
    started = threading.Event()
    pending = answerer.submit(
        Instruction(text),
        NOTHING,
        on_progress=lambda _: started.set(),
        **{"timeout_s": WAIT_S, **options},  # type: ignore[arg-type]
    )
    assert started.wait(WAIT_S)
    return pending


def test_it_answers_with_progress_and_timings(answerer: InProcess) -> None:
    heard: list[object] = []
    pending = answerer.submit(
        Instruction("count 3"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=heard.append,
        on_released=lambda: heard.append("released"),
    )
    answer = pending.result(WAIT_S)
    assert answer.text == "0 1 2"
    assert answer.timings.total > answer.timings.queue >= 0
    assert ask(answerer, "count 1").text == "0"
    words = ("0", "0 1", "0 1 2")
    told = [Progress(Stage.GENERATING, text, n) for n, text in enumerate(words, start=1)]
    assert [one for one in heard if one in told] == told
    assert heard[-1] == "released"
    status = answerer.status()
    assert (status.model.name, status.counts) == ("fake synthetic", {"answered": 2})


def test_a_cancelled_instruction_ends_at_once_and_the_model_at_its_next_token(
    answerer: InProcess,
) -> None:
    released = threading.Event()
    pending = begin(answerer, "count 100000", on_released=released.set)
    assert pending.cancel()
    assert pending.result(0).error_code is ErrorCode.CANCELED
    assert released.wait(WAIT_S)
    assert not pending.cancel(), "it is over"
    assert ask(answerer, "count 1").text == "0"


def test_a_deadline_counts_from_the_submission(answerer: InProcess) -> None:
    running = answerer.submit(Instruction("count 100000"), NOTHING, timeout_s=0.2)
    waiting = answerer.submit(Instruction("count 1"), NOTHING, timeout_s=0.1)
    assert "no answer within 0.2 s" in running.result(WAIT_S).error_msg
    assert waiting.result(WAIT_S).error_code is ErrorCode.TIMEOUT


@pytest.mark.parametrize(
    ("text", "code"),
    [("refuse", ErrorCode.NO_INPUT), ("raise", ErrorCode.INFERENCE_FAILED)],
)
def test_errors_become_answers_and_it_goes_on(
    answerer: InProcess, text: str, code: ErrorCode
) -> None:
    assert ask(answerer, text).error_code is code
    assert ask(answerer, "count 1").text == "0"


def test_a_device_that_broke_ends_it(answerer: InProcess) -> None:
    begun = answerer.submit(Instruction("count 20"), NOTHING, timeout_s=WAIT_S)
    broken = answerer.submit(Instruction("fault"), NOTHING, timeout_s=WAIT_S)
    waiting = answerer.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S)
    assert begun.result(WAIT_S).error_code is ErrorCode.NONE
    assert broken.result(WAIT_S).error_code is ErrorCode.INFERENCE_FAILED
    assert waiting.result(WAIT_S).error_code is ErrorCode.MODEL_NOT_READY
    assert answerer.status().state is ModelState.FAILED
    assert "illegal memory access" in ask(answerer, "count 1").error_msg


def test_what_is_submitted_together_is_one_batch(
    answerer: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []

    def run_batch(
        _self: object, requests: list[object], on_progress: Callable[..., None]
    ) -> tuple[Answer, ...]:
        batches.append(len(requests))
        on_progress(1, Stage.GENERATING, "", 1)
        return tuple(Answer(text=f"{number}") for number in range(len(requests)))

    monkeypatch.setattr(FakeRunner, "run_batch", run_batch, raising=False)
    questions = [(Instruction(f"{number}"), NOTHING) for number in range(5)]
    together = answerer.submit_together(questions, timeout_s=WAIT_S)
    assert [one.result(WAIT_S).text for one in together] == ["0", "1", "2", "3", "4"]
    assert batches == [5]


def test_frames_are_encoded_while_it_is_idle(answerer: InProcess) -> None:
    released = threading.Event()
    frame = Frame(picture(7), stamp_ns=1, key=42)
    assert answerer.offer_frame(frame, on_released=released.set)
    assert released.wait(WAIT_S)
    assert ask(answerer, "encoded").text == "42:7"
    running = begin(answerer, "count 100000")
    dropped: list[int] = []
    assert not answerer.offer_frame(frame, on_released=lambda: dropped.append(1))
    assert dropped == [1]
    running.cancel()
    with pytest.raises(ValueError, match="key"):
        answerer.offer_frame(Frame(picture(7), stamp_ns=1))


def test_a_model_that_cannot_be_loaded_says_why() -> None:
    with InProcess(partial(make, ModelSpec("bad-checkpoint"))) as answerer:
        status = answerer.wait_ready(WAIT_S)
        assert status.state is ModelState.FAILED
        assert "missing: text_encoder.wq" in ask(answerer, "count 1").error_msg
        assert isinstance(answerer.load_error, CheckpointError)


def test_closing_cancels_what_runs_and_what_waits(answerer: InProcess) -> None:
    running = begin(answerer, "count 100000")
    waiting = answerer.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S)
    answerer.close()
    assert running.result(0).error_code is ErrorCode.CANCELED
    assert waiting.result(0).error_code is ErrorCode.CANCELED
    assert answerer.status().state is ModelState.STOPPED
    assert ask(answerer, "count 1").error_code is ErrorCode.MODEL_NOT_READY


def test_memory_for_pictures_is_ordinary(answerer: InProcess) -> None:
    buffer = answerer.memory.allocate(12)
    buffer[:] = 1
    frame = Frame(buffer.reshape(2, 2, 3), stamp_ns=1)
    answer = answerer.submit(Instruction("echo"), Observation(frame), timeout_s=WAIT_S)
    assert np.shares_memory(answer.result(WAIT_S).pictures[0].pixels, buffer)
