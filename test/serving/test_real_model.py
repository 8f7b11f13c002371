"""The real tasks on the synthetic tiny model, in the real inference process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from patience import patient

from uio2_ros.history import AudioHistory, FrameHistory, FrameHistorySettings
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import ModelProcess, ModelSpec, ModelState
from uio2_ros.tasks import TaskSettings

WAIT_S = patient(120.0)
S = 10**9


@pytest.fixture(scope="module")
def real() -> Iterator[ModelProcess]:
    spec = ModelSpec(threads=1, tasks=TaskSettings(caption_tokens=3))
    with ModelProcess(spec) as process:
        status = process.wait_ready(WAIT_S)
        assert status.state is ModelState.READY, status.reason
        yield process


def test_synthetic_model_says_what_it_is(real: ModelProcess) -> None:
    assert real.status().model.synthetic_weights
    assert real.status().model.name == "synthetic-tiny"


def test_instruction_about_pictures_and_sound_is_answered(real: ModelProcess) -> None:
    frames = FrameHistory(FrameHistorySettings(count=2, period_s=1.0), memory=real.memory)
    sound = AudioHistory()
    rng = np.random.default_rng(0)
    for second in range(1, 5):
        picture = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
        frames.offer(second * S, "camera", lambda picture=picture: picture)
        sound.push(second * S, rng.uniform(-0.1, 0.1, 16_000).astype(np.float32), 16_000)
    kept = frames.snapshot(newest=False, older=1)
    encoded = threading.Event()
    real.offer_frame(kept.older[0], on_released=encoded.set)
    assert encoded.wait(WAIT_S)
    kept.release()
    assert real.status().counts["frames_encoded"] == 1
    tokens: list[int] = []
    with frames.snapshot() as snapshot:
        pending = real.submit(
            Instruction("find the cup", task="refexp"),
            Observation(snapshot.newest, snapshot.older, sound.window(None, 4.0)),
            timeout_s=WAIT_S,
            on_progress=lambda progress: tokens.append(progress.tokens),
        )
        answer = pending.result(WAIT_S)
    assert answer.error_code is ErrorCode.NONE, answer.error_msg
    assert answer.synthetic_weights
    assert len(answer.detections) == 1
    assert tokens[-1] >= 4
    assert answer.timings.total >= answer.timings.encode > 0


def test_sound_that_is_over_is_encoded_when_it_ends(real: ModelProcess) -> None:
    sound, taken = AudioHistory(), 0
    rng = np.random.default_rng(1)
    for second in range(1, 14):
        sound.push(second * S, rng.uniform(-0.1, 0.1, 16_000).astype(np.float32), 16_000)
        segment = sound.take_segment()
        if segment is not None:
            assert real.offer_segment(segment)
            taken += 1
            while real.status().counts.get("segments_encoded", 0) < taken:
                time.sleep(0.01)
    assert taken == 3
    answer = real.submit(
        Instruction("what do you hear?", task="audio_caption"),
        Observation(audio=sound.heard(14 * S)),
        timeout_s=WAIT_S,
    ).result(WAIT_S)
    assert answer.error_code is ErrorCode.NONE, answer.error_msg


def test_free_form_answer_can_be_cancelled(real: ModelProcess) -> None:
    grey = Frame(np.full((48, 64, 3), 127, np.uint8), stamp_ns=S)
    generating = threading.Event()
    pending = real.submit(
        Instruction("Tell a long story."),
        Observation(grey),
        timeout_s=WAIT_S,
        on_progress=lambda progress: generating.set() if progress.tokens else None,
    )
    assert generating.wait(WAIT_S)
    pending.cancel()
    assert pending.result(WAIT_S).error_code is ErrorCode.CANCELED


def test_bounds_of_the_tasks_are_those_of_the_spec(real: ModelProcess) -> None:
    grey = Frame(np.full((48, 64, 3), 127, np.uint8), stamp_ns=S)
    pending = real.submit(Instruction("", "caption"), Observation(grey), timeout_s=WAIT_S)
    assert 1 <= pending.result(WAIT_S).timings.tokens <= 3


def test_unknown_task_is_named(real: ModelProcess) -> None:
    pending = real.submit(Instruction("x", task="juggle"), Observation(), timeout_s=WAIT_S)
    answer = pending.result(WAIT_S)
    assert answer.error_code is ErrorCode.UNKNOWN_TASK
    assert "juggle" in answer.error_msg


def test_file_that_is_no_tokenizer_fails_with_its_name(tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.model"
    tokenizer.write_bytes(b"not a sentencepiece model")
    with ModelProcess(ModelSpec(tokenizer=str(tokenizer))) as process:
        status = process.wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert "TokenizerError" in status.reason
    assert str(tokenizer) in status.reason


@pytest.mark.parametrize("tokenizer", ["", __file__])
def test_directory_that_is_no_checkpoint_fails(tmp_path: Path, tokenizer: str) -> None:
    with ModelProcess(ModelSpec(str(tmp_path), tokenizer)) as process:
        status = process.wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert "has no config.json" in status.reason


def test_scoring_many_options_can_be_cancelled_and_the_model_goes_on(real: ModelProcess) -> None:
    pid = real.status().pid
    grey = Frame(np.full((48, 64, 3), 127, np.uint8), stamp_ns=S)
    options = tuple(f"a thing of some length that has the number {n}" for n in range(4000))
    scoring = threading.Event()
    pending = real.submit(
        Instruction("What is it?", task="score", options=options),
        Observation(grey),
        timeout_s=WAIT_S,
        on_progress=lambda progress: scoring.set() if "of 4000 options" in progress.text else None,
    )
    assert scoring.wait(WAIT_S)
    pending.cancel()
    assert pending.result(WAIT_S).error_code is ErrorCode.CANCELED
    next_one = real.submit(Instruction("", "caption"), Observation(grey), timeout_s=WAIT_S)
    assert next_one.result(WAIT_S).error_code is ErrorCode.NONE
    assert real.status().pid == pid
