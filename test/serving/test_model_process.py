"""The inference process: answers, cancellations, deadlines, deaths."""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

import numpy as np
import psutil
import pytest
from fake_runner import TOKEN_S, picture
from patience import patient

from uio2_ros.history import FrameHistory, FrameHistorySettings
from uio2_ros.robot.answer import Answer, Progress, Stage
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import (
    ModelProcess,
    ModelSpec,
    ModelState,
    ModelStatus,
    ServingSettings,
    SharedArena,
    default_threads,
)
from uio2_ros.serving.codec import Codec
from uio2_ros.serving.faults import fault_of_exit
from uio2_ros.serving.job import Job
from uio2_ros.serving.protocol import FROM_CHILD, PROTOCOL_VERSION

WAIT_S = patient(30.0)
NOTHING = Observation()

MakeProcess = Callable[..., ModelProcess]


def ask(process: ModelProcess, text: str, observation: Observation = NOTHING) -> Answer:
    return process.submit(Instruction(text), observation, timeout_s=WAIT_S).result(WAIT_S)


def begun(process: ModelProcess, text: str, timeout_s: float = WAIT_S) -> Future[Answer]:
    """The answer to come of one that generates already."""
    started = threading.Event()
    pending = process.submit(
        Instruction(text),
        NOTHING,
        timeout_s=timeout_s,
        on_progress=lambda *_: started.set(),
    )
    assert started.wait(WAIT_S)
    return pending


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def test_client_half_imports_neither_torch_nor_rclpy() -> None:
    code = "import sys, uio2_ros.serving; print({'torch', 'rclpy'} & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "set()"


def test_instruction_is_answered_with_timings(process: ModelProcess) -> None:
    status = process.status()
    assert (status.state, status.model.name) == (ModelState.READY, "fake synthetic")
    assert status.model.synthetic_weights
    answer = ask(process, "count 3")
    assert answer.error_code is ErrorCode.NONE
    assert answer.text == "0 1 2"
    assert answer.timings.total >= 3 * TOKEN_S
    assert 0 <= answer.timings.queue < answer.timings.total


def test_progress_comes_at_every_token_and_before_the_answer(process: ModelProcess) -> None:
    heard: list[object] = []
    pending = process.submit(
        Instruction("count 4"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=heard.append,
        on_released=lambda: heard.append("released"),
    )
    pending.add_done_callback(lambda pending: heard.append(pending.result(0)))
    answer = pending.result(WAIT_S)
    wait_until(lambda: "released" in heard)
    tokens = [Progress(Stage.GENERATING, " ".join("0123"[:n]), n) for n in range(1, 5)]
    assert heard == [*tokens, answer, "released"]
    assert pending.done()


def test_progress_that_nobody_hears_is_not_sent_and_can_still_be_cancelled(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(Job, "progress", lambda self, *_: heard.append(self.instruction.task))
    pending = process.submit(Instruction("count 100000"), NOTHING, timeout_s=WAIT_S)
    wait_until(lambda: process._workload.running)
    time.sleep(5 * TOKEN_S)
    pending.cancel()
    assert pending.result(WAIT_S).error_code is ErrorCode.CANCELED
    assert ask(process, "count 3").text == "0 1 2", "the model stopped at its next token"
    assert heard == []


def test_result_that_is_not_there_yet_is_a_timeout_of_the_caller(process: ModelProcess) -> None:
    pending = begun(process, "count 100000")
    with pytest.raises(FutureTimeoutError):
        pending.result(0.01)
    pending.cancel()


def test_pixels_and_samples_reach_the_model(process: ModelProcess) -> None:
    image = Frame(picture(3), stamp_ns=1)
    transposed = Frame(picture(2).transpose(1, 0, 2), stamp_ns=1)
    observation = Observation(image, (transposed, image), np.ones(5000, np.float32))
    answer = ask(process, "describe", observation)
    pixels = picture(3).size
    assert answer.text == f"history 2, image (48, 64, 3) {3 * pixels}, audio 5000 5000"
    wait_until(lambda: process.memory.used == 0)


def test_pictures_come_back(process: ModelProcess) -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    answer = ask(process, "echo", Observation(Frame(image, stamp_ns=1)))
    np.testing.assert_array_equal(answer.pictures[0].pixels, image)


def test_history_in_shared_memory_is_read_in_place(process: ModelProcess) -> None:
    history = FrameHistory(FrameHistorySettings(period_s=0.0), memory=process.memory)
    for second in range(1, 4):
        history.offer(second * 10**9, "camera", lambda second=second: picture(second))
    snapshot = history.snapshot()
    used = process.memory.used
    released = threading.Event()

    def release() -> None:
        snapshot.release()
        released.set()

    pending = process.submit(
        Instruction("describe"),
        Observation(snapshot.newest, snapshot.older),
        timeout_s=WAIT_S,
        on_released=release,
    )
    assert process.memory.used == used, "nothing was copied"
    assert f"history 2, image (48, 64, 3) {3 * picture(3).size}" in pending.result(WAIT_S).text
    assert released.wait(WAIT_S)


def test_one_instruction_runs_at_a_time_in_order(process: ModelProcess) -> None:
    finished: list[int] = []
    pending = [process.submit(Instruction("count 5"), NOTHING, timeout_s=WAIT_S) for _ in range(4)]
    for number, one in enumerate(pending):
        one.add_done_callback(lambda _, number=number: finished.append(number))
    answers = [one.result(WAIT_S) for one in pending]
    assert finished == [0, 1, 2, 3]
    assert answers[3].timings.queue >= 14 * TOKEN_S


def test_full_queue_is_busy(make_process: MakeProcess) -> None:
    process = make_process(queue_size=2)
    process.wait_ready(WAIT_S)
    running = begun(process, "count 100000")
    waiting = [process.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S) for _ in range(2)]
    released = []
    refused = process.submit(
        Instruction("count 1"), NOTHING, timeout_s=WAIT_S, on_released=lambda: released.append(1)
    )
    assert refused.done()
    assert refused.result().error_code is ErrorCode.BUSY
    assert "2 instructions wait" in refused.result().error_msg
    assert released == [1]
    running.cancel()
    assert [pending.result(WAIT_S).error_code for pending in waiting] == [ErrorCode.NONE] * 2
    assert process.status().counts == {"answered": 2, "canceled": 1, "busy": 1}


def test_queue_of_no_places_still_takes_one_instruction(make_process: MakeProcess) -> None:
    process = make_process(queue_size=0)
    process.wait_ready(WAIT_S)
    running = begun(process, "count 100000")
    assert ask(process, "count 1").error_code is ErrorCode.BUSY
    running.cancel()
    wait_until(lambda: not process._workload.running)
    assert ask(process, "count 1").error_code is ErrorCode.NONE


def test_running_instruction_is_cancelled_at_the_next_token(process: ModelProcess) -> None:
    released = threading.Event()
    started = threading.Event()
    pending = process.submit(
        Instruction("count 100000", task="vqa"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=lambda *_: started.set(),
        on_released=released.set,
    )
    assert started.wait(WAIT_S)
    pid = process.status().pid
    pending.cancel()
    answer = pending.result(WAIT_S)
    assert answer.error_code is ErrorCode.CANCELED
    assert answer.task == "vqa"
    assert released.wait(WAIT_S)
    assert ask(process, "count 1").text == "0"
    assert process.status().pid == pid, "the process went on"


def test_waiting_instruction_is_cancelled_without_running(process: ModelProcess) -> None:
    running = begun(process, "count 100000")
    waiting = process.submit(Instruction("die"), NOTHING, timeout_s=WAIT_S)
    waiting.cancel()
    assert waiting.result(WAIT_S).error_code is ErrorCode.CANCELED
    assert not running.done()
    running.cancel()


def test_cancelling_an_answered_instruction_changes_nothing(process: ModelProcess) -> None:
    pending = process.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S)
    answer = pending.result(WAIT_S)
    pending.cancel()
    assert ask(process, "count 1").error_code is ErrorCode.NONE
    assert pending.result() is answer


def test_deadline_counts_from_submission(process: ModelProcess) -> None:
    pid = process.status().pid
    running = process.submit(Instruction("count 100000"), NOTHING, timeout_s=3.0)
    waiting = process.submit(Instruction("count 1"), NOTHING, timeout_s=0.2)
    late: list[Future[Answer]] = []
    for pending in (running, waiting):
        pending.add_done_callback(late.append)
    assert waiting.result(WAIT_S).error_code is ErrorCode.TIMEOUT
    answer = running.result(WAIT_S)
    assert answer.error_code is ErrorCode.TIMEOUT
    assert "no answer within 3 s" in answer.error_msg
    assert late == [waiting, running]
    assert ask(process, "count 1").text == "0"
    assert process.status().pid == pid, "a model that reacts is not restarted"


def test_timeout_must_be_positive(process: ModelProcess) -> None:
    with pytest.raises(ValueError, match="timeout"):
        process.submit(Instruction("count 1"), NOTHING, timeout_s=0)


@pytest.mark.parametrize("text", ["hang", "hold 1000"])
def test_model_that_does_not_stop_is_killed_after_the_grace_period(
    make_process: MakeProcess, text: str
) -> None:
    process = make_process(grace_s=0.2)
    pid = process.wait_ready(WAIT_S).pid
    child, was_gone = psutil.Process(pid), []
    pending = process.submit(
        Instruction(text),
        NOTHING,
        timeout_s=0.2,
        on_released=lambda: was_gone.append(_is_gone(child)),
    )
    assert pending.result(WAIT_S).error_code is ErrorCode.TIMEOUT
    wait_until(lambda: was_gone)
    assert was_gone == [True], "the memory is the model's until it has stopped"
    wait_until(lambda: process.status().state is ModelState.READY)
    assert ask(process, "count 1").text == "0"
    assert process.status().pid != pid


def test_model_that_stops_within_the_grace_period_is_not_killed_later(
    make_process: MakeProcess,
) -> None:
    process = make_process(grace_s=2.0)
    pid = process.wait_ready(WAIT_S).pid
    late = process.submit(Instruction("count 100000"), NOTHING, timeout_s=0.1)
    assert late.result(WAIT_S).error_code is ErrorCode.TIMEOUT
    assert ask(process, "count 250").error_code is ErrorCode.NONE, "takes 2.5 s"
    assert process.status().pid == pid


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("refuse", ErrorCode.NO_INPUT, "start the camera"),
        ("spoil", ErrorCode.INVALID_INPUT, "upside down"),
        ("raise", ErrorCode.INFERENCE_FAILED, "RuntimeError: shapes do not match"),
        ("exhaust", ErrorCode.OUT_OF_MEMORY, "no room for 9 GiB"),
    ],
)
def test_errors_of_a_task_become_answers_and_the_process_goes_on(
    process: ModelProcess, text: str, code: ErrorCode, message: str
) -> None:
    pid = process.status().pid
    answer = ask(process, text)
    assert answer.error_code is code
    assert message in answer.error_msg
    assert ask(process, "count 1").text == "0"
    assert process.status().pid == pid


@pytest.mark.parametrize(
    ("text", "message"),
    [("die", "SIGKILL"), ("exit", "exit code 3"), ("fault", "illegal memory access")],
)
def test_death_of_the_process_fails_the_instruction_and_restarts(
    process: ModelProcess, text: str, message: str
) -> None:
    pid = process.status().pid
    answer = ask(process, text)
    assert answer.error_code is ErrorCode.INFERENCE_FAILED
    assert message in answer.error_msg
    wait_until(lambda: process.status().state is ModelState.READY and process.status().pid != pid)
    assert ask(process, "count 1").text == "0"
    assert process.status().restarts == 1


def test_process_killed_from_outside_is_restarted(make_process: MakeProcess) -> None:
    process = make_process(backoff_s=0.5)
    pid = process.wait_ready(WAIT_S).pid
    pending = begun(process, "count 100000")
    waiting = process.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert pending.result(WAIT_S).error_code is ErrorCode.INFERENCE_FAILED
    wait_until(lambda: process.status().state is ModelState.RESTARTING)
    refused = ask(process, "count 1")
    assert refused.error_code is ErrorCode.MODEL_NOT_READY
    assert "SIGKILL" in refused.error_msg
    assert waiting.result(WAIT_S).text == "0", "what waited is answered after the restart"


def test_waiting_instruction_can_be_late_while_the_model_restarts(
    make_process: MakeProcess,
) -> None:
    process = make_process(backoff_s=1000.0, max_backoff_s=1000.0)
    process.wait_ready(WAIT_S)
    begun(process, "count 100000")
    waiting = process.submit(Instruction("count 1"), NOTHING, timeout_s=1.0)
    pid = process.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert waiting.result(WAIT_S).error_code is ErrorCode.TIMEOUT
    assert process.status().state is ModelState.RESTARTING


def test_restarts_back_off_until_an_instruction_is_answered(
    make_process: MakeProcess, caplog: pytest.LogCaptureFixture
) -> None:
    process = make_process(backoff_s=0.02, max_backoff_s=0.05)
    with caplog.at_level(logging.WARNING, "uio2_ros.serving.supervisor"):
        for text in ("die", "die", "die", "count 1", "die"):
            wait_until(lambda: process.status().state is ModelState.READY)
            ask(process, text)
        wait_until(lambda: process.status().counts["crashed"] == 4)
    waits = [record.args[1] for record in caplog.records if isinstance(record.args, tuple)]
    assert waits == [0.02, 0.04, 0.05, 0.02]


def test_restarts_leave_no_descriptors(make_process: MakeProcess) -> None:
    process = make_process(backoff_s=0.0)
    process.wait_ready(WAIT_S)
    before = len(os.listdir("/proc/self/fd"))
    for restarts in range(1, 4):
        ask(process, "die")
        wait_until(lambda restarts=restarts: process.status().restarts == restarts)
        process.wait_ready(WAIT_S)
    assert len(os.listdir("/proc/self/fd")) == before


def test_child_passes_no_descriptor_on(process: ModelProcess) -> None:
    """A process that holds the child's end of the channel would hide the child's death."""
    answer = ask(process, "inheritable")
    assert (answer.error_code, answer.text) == (ErrorCode.NONE, "")


def test_signals_that_end_the_client_are_the_clients_to_handle(process: ModelProcess) -> None:
    pending = begun(process, "count 20")
    pid = process.status().pid
    assert pid is not None
    assert os.getpgid(pid) != os.getpgrp(), "signals to the client's group do not reach it"
    os.kill(pid, signal.SIGINT)
    assert pending.result(WAIT_S).error_code is ErrorCode.NONE
    assert process.status().pid == pid


def test_other_protocol_version_fails_with_both_versions(
    make_process: MakeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = Codec(PROTOCOL_VERSION + 1, FROM_CHILD)
    monkeypatch.setattr("uio2_ros.serving.child_link._received", newer)
    status = make_process().wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert f"speaks protocol {PROTOCOL_VERSION}, this {PROTOCOL_VERSION + 1}" in status.reason


def test_out_of_memory_kill_of_the_kernel_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uio2_ros.serving.faults.out_of_memory_kills", lambda: 5)
    killed = fault_of_exit(-signal.SIGKILL, kills_before=4)
    assert (killed.code, killed.broken) == (ErrorCode.OUT_OF_MEMORY, True)
    assert "smaller model" in killed.message
    assert fault_of_exit(-signal.SIGKILL, 5).code is ErrorCode.INFERENCE_FAILED
    assert fault_of_exit(-signal.SIGSEGV, 4).code is ErrorCode.INFERENCE_FAILED


def test_any_signal_that_ends_the_process_is_told() -> None:
    assert "ended by SIGSEGV" in fault_of_exit(-signal.SIGSEGV, 0).message
    nameless = int(signal.SIGRTMIN) + 1
    assert f"ended by signal {nameless}" in fault_of_exit(-nameless, 0).message


def fail_with_a_bug(*_: object) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize("step", ["_take", "_watch"])
def test_a_bug_in_supervising_one_job_fails_that_job_only(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    pid = process.status().pid
    running = begun(process, "count 100000")
    with monkeypatch.context() as patch:
        patch.setattr(f"uio2_ros.serving.supervisor.ChildLifecycle.{step}", fail_with_a_bug)
        answer = running.result(WAIT_S)
    assert answer.error_code is ErrorCode.UNKNOWN
    assert "a bug" in answer.error_msg
    assert ask(process, "count 3").text == "0 1 2"
    assert (process.status().state, process.status().pid) == (ModelState.READY, pid)
    assert process.status().counts["supervision_failed"] >= 1


def test_a_bug_in_supervising_a_job_that_waits_fails_it_and_nobody_else(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("uio2_ros.serving.supervisor.ChildLifecycle._dispatch", fail_with_a_bug)
        assert ask(process, "count 1").error_code is ErrorCode.UNKNOWN
    assert ask(process, "count 1").text == "0"


def test_supervisor_that_fails_leaves_nobody_waiting(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = begun(process, "count 100000")
    monkeypatch.setattr("uio2_ros.serving.supervisor.ChildLifecycle._turn", fail_with_a_bug)
    answer = running.result(WAIT_S)
    assert answer.error_code is ErrorCode.UNKNOWN
    assert "a bug" in answer.error_msg
    assert process.status().state is ModelState.FAILED


@pytest.mark.parametrize("timeout_s", [2_147_484.0, 1e12, 3.4e38, math.inf])
def test_timeouts_beyond_what_a_system_call_takes_harm_nobody(
    process: ModelProcess, timeout_s: float
) -> None:
    pid = process.status().pid
    pending = process.submit(Instruction("count 20"), NOTHING, timeout_s=timeout_s)
    assert ask(process, "count 1").text == "0"
    assert pending.result(WAIT_S).error_code is ErrorCode.NONE
    assert process.status().pid == pid


def test_timings_and_deadline_count_from_when_it_was_asked(process: ModelProcess) -> None:
    before = time.monotonic() - 5
    late = process.submit(Instruction("count 1"), NOTHING, timeout_s=2.0, since=before)
    assert late.result(WAIT_S).error_code is ErrorCode.TIMEOUT
    assert "no answer within 2 s" in late.result(0).error_msg
    answer = process.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S, since=before).result(
        WAIT_S
    )
    assert answer.timings.total > answer.timings.queue > 5


def test_instruction_that_cannot_be_sent_is_an_invalid_request(process: ModelProcess) -> None:
    for instruction in (Instruction("\udcff"), Instruction("count 1", seed=2**64)):
        answer = process.submit(instruction, NOTHING, timeout_s=WAIT_S).result(WAIT_S)
        assert answer.error_code is ErrorCode.INVALID_REQUEST
        assert "cannot be sent" in answer.error_msg
    assert ask(process, "count 1").text == "0"


def test_answer_that_no_message_holds_fails_and_the_process_goes_on(
    process: ModelProcess,
) -> None:
    pid = process.status().pid
    answer = ask(process, "draw")
    assert answer.error_code is ErrorCode.INFERENCE_FAILED
    assert "complex64" in answer.error_msg
    assert ask(process, "count 1").text == "0"
    assert process.status().pid == pid


def test_bad_checkpoint_fails_with_its_message_and_is_not_tried_again(
    make_process: MakeProcess,
) -> None:
    process = make_process("bad-checkpoint")
    status = process.wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert "missing: text_encoder.wq" in status.reason
    assert "bad-checkpoint" in status.reason
    assert status.restarts == 0
    answer = ask(process, "count 1")
    assert answer.error_code is ErrorCode.MODEL_NOT_READY
    assert "missing: text_encoder.wq" in answer.error_msg
    process.start()
    assert process.wait_ready(WAIT_S).state is ModelState.FAILED


def test_missing_library_and_missing_factory_fail_with_the_interpreter(
    make_process: MakeProcess,
) -> None:
    for factory, message in (("greedy", "No module named 'torch'"), ("none", "'none'")):
        status = make_process(maker=factory).wait_ready(WAIT_S)
        assert status.state is ModelState.FAILED
        assert message in status.reason
        assert sys.executable in status.reason


@pytest.mark.parametrize("model", ["dies-loading", "too-large"])
def test_model_that_dies_while_loading_is_given_up_after_some_tries(
    make_process: MakeProcess, model: str
) -> None:
    process = make_process(model, max_load_crashes=3, backoff_s=0.01)
    status = process.wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert status.restarts == 2


def test_interpreter_that_is_not_there_fails_with_its_name() -> None:
    with ModelProcess(ModelSpec(), python="/nowhere/python3") as process:
        status = process.wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert "/nowhere/python3" in status.reason


def test_interpreter_that_cannot_run_the_child_fails_with_its_name(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with ModelProcess(ModelSpec(), python=str(python)) as process:
        status = process.wait_ready(WAIT_S)
    assert status.state is ModelState.FAILED
    assert f"{python} cannot run uio2_ros.serving.child" in status.reason


def test_interpreter_behind_a_wrapper_that_does_not_exec_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\n{sys.executable} "$@"\nexit $?\n')
    python.chmod(0o755)
    with ModelProcess(ModelSpec(), python=str(python)) as process:
        assert process.wait_ready(WAIT_S).state is ModelState.FAILED
    assert "a wrapper that does not exec" in capfd.readouterr().err


def test_modules_in_the_working_directory_are_not_the_childs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise ImportError('a script of somebody')")
    monkeypatch.chdir(tmp_path)
    spec = ModelSpec(warm_up=False)
    with ModelProcess(spec, factory="fake_runner:make") as process:
        assert process.wait_ready(WAIT_S).state is ModelState.READY


def test_instruction_before_the_model_is_ready_is_refused(make_process: MakeProcess) -> None:
    process = make_process("endless")
    answer = ask(process, "count 1")
    assert answer.error_code is ErrorCode.MODEL_NOT_READY
    assert "loading endless" in answer.error_msg
    assert process.status().state is ModelState.LOADING


def test_every_change_of_state_is_told() -> None:
    heard: list[ModelStatus] = []
    process = ModelProcess(
        ModelSpec(warm_up=False), on_status=heard.append, factory="fake_runner:make"
    )
    with process:
        process.start()
        process.wait_ready(WAIT_S)
    states = [ModelState.LOADING, ModelState.READY, ModelState.STOPPED]
    assert [status.state for status in heard] == states
    process.close()


def test_stop_cancels_what_runs_and_what_waits_and_start_begins_anew(
    process: ModelProcess,
) -> None:
    pid = process.status().pid
    running = begun(process, "count 100000")
    waiting = process.submit(Instruction("count 1"), NOTHING, timeout_s=WAIT_S)
    process.close()
    assert running.result(0).error_code is ErrorCode.CANCELED
    assert waiting.result(0).error_code is ErrorCode.CANCELED
    assert process.status().state is ModelState.STOPPED
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert ask(process, "count 1").error_code is ErrorCode.MODEL_NOT_READY
    process.start()
    process.wait_ready(WAIT_S)
    assert ask(process, "count 1").text == "0"


def test_stop_does_not_wait_for_a_model_that_holds_on(make_process: MakeProcess) -> None:
    process = make_process(stop_s=0.2)
    process.wait_ready(WAIT_S)
    pending = process.submit(Instruction("hold 1000"), NOTHING, timeout_s=WAIT_S)
    wait_until(lambda: process._workload.running)
    process.close()
    assert pending.result(0).error_code is ErrorCode.CANCELED


def test_callback_that_raises_is_logged_and_harms_nobody(
    process: ModelProcess, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("mine")

    pending = process.submit(
        Instruction("count 2"),
        NOTHING,
        timeout_s=WAIT_S,
        on_progress=fail,
        on_released=fail,
    )
    pending.add_done_callback(fail)
    assert pending.result(WAIT_S).text == "0 1"
    assert ask(process, "count 1").text == "0"
    assert "mine" in caplog.text


def test_idle_model_encodes_history_frames(process: ModelProcess) -> None:
    released = threading.Event()
    frame = Frame(picture(7), stamp_ns=1, key=42)
    assert process.offer_frame(frame, on_released=released.set)
    assert released.wait(WAIT_S)
    assert ask(process, "encoded").text == "42:7"
    assert process.status().counts["frames_encoded"] == 1


def test_busy_model_drops_history_frames(process: ModelProcess) -> None:
    pending = begun(process, "count 100000")
    released = []
    frame = Frame(picture(7), stamp_ns=1, key=42)
    assert not process.offer_frame(frame, on_released=lambda: released.append(1))
    assert released == [1]
    assert process.status().counts["frames_dropped"] == 1
    pending.cancel()


def test_history_frame_needs_a_key(process: ModelProcess) -> None:
    with pytest.raises(ValueError, match="key"):
        process.offer_frame(Frame(picture(7), stamp_ns=1))


def test_frame_that_cannot_be_encoded_is_counted_and_released(process: ModelProcess) -> None:
    released = threading.Event()
    frame = Frame(picture(7), stamp_ns=1, frame_id="bad", key=1)
    assert process.offer_frame(frame, on_released=released.set)
    assert released.wait(WAIT_S)
    assert process.status().counts == {"frames_failed": 1}
    assert ask(process, "count 1").text == "0"


def test_frame_that_never_ends_does_not_stop_the_service(make_process: MakeProcess) -> None:
    process = make_process(grace_s=0.1)
    process.wait_ready(WAIT_S)
    frame = Frame(picture(7), stamp_ns=1, frame_id="endless", key=1)
    assert process.offer_frame(frame)
    wait_until(lambda: process._workload.frame_is_sent)
    late = process.submit(Instruction("count 1"), NOTHING, timeout_s=0.2)
    assert late.result(WAIT_S).error_code is ErrorCode.TIMEOUT
    wait_until(lambda: process.status().restarts == 1)
    wait_until(lambda: process.status().state is ModelState.READY)
    assert ask(process, "count 1").text == "0"


def test_observation_that_does_not_fit_the_arena_is_out_of_memory() -> None:
    process = ModelProcess(
        ModelSpec(warm_up=False), arena=SharedArena(8192), factory="fake_runner:make"
    )
    with process:
        process.wait_ready(WAIT_S)
        answer = ask(process, "describe", Observation(Frame(picture(1), stamp_ns=1)))
        assert answer.error_code is ErrorCode.OUT_OF_MEMORY
        assert "larger capacity" in answer.error_msg
        assert process.memory.used == 0
        assert ask(process, "describe").text == "history 0"


def test_threads_of_torch_are_those_of_the_child() -> None:
    """Which says so by the environment alone."""
    output = subprocess.check_output(
        [sys.executable, "-c", "import torch; print(torch.get_num_threads())"],
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert output.strip() == "1"


def test_threads_of_the_child_are_those_of_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    process = ModelProcess(ModelSpec(threads=3, warm_up=False), factory="fake_runner:make")
    with process:
        process.wait_ready(WAIT_S)
        assert ask(process, "threads").text == "3"
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert default_threads() == 7
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert default_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert default_threads() == 5


PARENT = """
import sys, time
from uio2_ros.serving import ModelProcess, ModelSpec
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
model, text = sys.argv[1:]
process = ModelProcess(ModelSpec(model, warm_up=False), factory="fake_runner:make")
process.start()
process.memory.allocate(1 << 20)[:] = 1
while process.status().pid is None:
    time.sleep(0.001)
if model != "endless":
    process.wait_ready(300)
if text:
    process.submit(Instruction(text), Observation(), timeout_s=100)
    while not process._workload.running:
        time.sleep(0.001)
print(process.status().pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("model", "text", "wait_s"),
    [
        pytest.param("endless", "", 0.0, id="starting"),
        pytest.param("endless", "", 1.0, id="loading"),
        pytest.param("synthetic", "", 0.0, id="idle"),
        pytest.param("synthetic", "count 100000", 0.1, id="running"),
        pytest.param("synthetic", "hold 1000", 0.1, id="running without letting others run"),
    ],
)
def test_killed_parent_takes_its_child_and_its_memory_along(
    model: str, text: str, wait_s: float
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, model, text],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path.cwd()}"},
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(wait_s)
        assert child.is_running()
        maps = Path(f"/proc/{parent.pid}/maps").read_text()
        assert "/memfd:uio2_ros (deleted)" in maps, "shared memory without a name ends with them"
        parent.kill()
    try:
        wait_until(lambda: _is_gone(child))
    finally:
        if not _is_gone(child):
            child.kill()


def _is_gone(process: psutil.Process) -> bool:
    """A zombie is dead, but nobody in this container reaps orphans."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize(
    ("name", "value"), [("queue_size", -1), ("grace_s", -1.0), ("max_load_crashes", 0)]
)
def test_senseless_settings_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        ServingSettings(**{name: value})  # type: ignore[arg-type]


def test_senseless_spec_is_refused() -> None:
    with pytest.raises(ValueError, match="model is empty"):
        ModelSpec("")
    with pytest.raises(ValueError, match="threads is -1"):
        ModelSpec(threads=-1)
    assert ModelSpec("synthetic:tiny_cosine").synthetic_config == "tiny_cosine"
    assert ModelSpec().synthetic_config == "tiny"
    assert not ModelSpec("synthetics/model").is_synthetic


def test_home_folder_is_expanded_in_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/robot")
    spec = ModelSpec("~/model", "~/tokenizer.model", action_spaces="~/spaces")
    assert (spec.model, spec.tokenizer) == ("/home/robot/model", "/home/robot/tokenizer.model")
    assert spec.action_spaces == "/home/robot/spaces"
    assert ModelSpec("synthetic").model == "synthetic"
