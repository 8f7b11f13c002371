"""An answerer whose model runs in this process, on a thread of its own. No torch."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from uio2_ros.history.memory import HeapMemory
from uio2_ros.robot.answer import Answer, Progress, Stage
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation, SoundSegment
from uio2_ros.serving.answerer import InferenceRequest, OnReleased
from uio2_ros.serving.faults import Fault, InstructionCanceled
from uio2_ros.serving.job import Job, call
from uio2_ros.serving.runner import LoadedModel, Runner, encode_in_advance, explained, load_model
from uio2_ros.serving.scheduler import Scheduler
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelState, ModelStatus
from uio2_ros.serving.status_board import StatusBoard
from uio2_ros.serving.workload import OUTCOMES

CLOSE_S = 10.0
"""How long `close` waits for a model that heeds no cancellation."""


def _load_here(spec: ModelSpec) -> LoadedModel:
    import torch

    torch.set_num_threads(spec.cpu_threads)  # as in the agent's: sums come out the same
    return load_model(spec)


@dataclass(frozen=True)
class _OfferedFrame:
    frame: Frame | SoundSegment
    on_released: OnReleased | None


_Work = tuple[Job, ...] | _OfferedFrame
"""Jobs that are answered together, or a frame."""


class InProcess(Scheduler):
    """A model in this process, for evaluation, notebooks and tests: nothing watches over it.

    One thread loads it and runs it, in the order of what is asked; questions that are submitted
    together are answered in one batch. The queue has no bound. A deadline is looked at where a
    cancellation is, between tokens, batches of options and pictures.
    """

    def __init__(self, load: Callable[[], LoadedModel]) -> None:
        """`load` is called on the thread; what it raises is `load_error`, and the state FAILED."""
        self.memory = HeapMemory()
        self.load_error: Exception | None = None
        self._load = load
        self._board = StatusBoard(None)
        self._board.write_state(ModelState.LOADING, "the model is being loaded")
        self._changed = threading.Condition()  # guards what follows
        self._waiting: deque[_Work] = deque()
        self._running: _Work | None = None
        self._closed = False
        self._counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, spec: ModelSpec) -> InProcess:
        """One that is ready, with the model of a specification; raises what its loading raises."""
        answerer = cls(partial(_load_here, spec))
        answerer.wait_ready(math.inf)
        if answerer.load_error is not None:
            raise answerer.load_error
        return answerer

    def status(self) -> ModelStatus:
        """See `Answerer`."""
        with self._changed:
            return replace(self._board.read(), counts=dict(self._counts))

    def submit_together(
        self, questions: Sequence[tuple[Instruction, Observation]], *, timeout_s: float
    ) -> tuple[Future[Answer], ...]:
        """See `Answerer`."""
        asked = tuple(
            Job(InferenceRequest(instruction, observation, timeout_s), self._on_cancel)
            for instruction, observation in questions
        )
        self._put_together(asked)
        return asked

    def _put_frame(self, frame: Frame | SoundSegment, on_released: OnReleased | None) -> bool:
        with self._changed:
            ready = self._board.read().state is ModelState.READY
            taken = ready and self._running is None and not self._waiting
            if taken:
                self._waiting.append(_OfferedFrame(frame, on_released))
                self._changed.notify()
        return taken

    def close(self) -> None:
        """See `Answerer`."""
        with self._changed:
            self._closed = True
            running = self._running
            self._changed.notify()
        if isinstance(running, tuple):
            for job in running:
                job.cancel()
        self._fail_waiting(Fault(ErrorCode.CANCELED, "the model was stopped"))
        self._thread.join(CLOSE_S)
        self._board.write_state(ModelState.STOPPED)

    def _put(self, job: Job) -> None:
        self._put_together((job,))

    def _on_cancel(self, job: Job) -> None:
        self._finish(job, job.verdict())

    def _put_together(self, asked: tuple[Job, ...]) -> None:
        with self._changed:
            status = self._board.read()  # here, or what it ends with would miss what is put now
            refused = self._closed or status.state is not ModelState.READY
            if not refused:
                self._waiting.append(asked)
                self._changed.notify()
        if refused:
            reason = status.reason or "it is closed"
            self._fail(asked, Fault(ErrorCode.MODEL_NOT_READY, f"the model is not ready: {reason}"))

    def _finish(self, job: Job, answer: Answer) -> None:
        if job.finish(answer):
            with self._changed:
                self._counts[OUTCOMES.get(answer.error_code, "failed")] += 1

    def _fail(self, asked: tuple[Job, ...], fault: Fault) -> None:
        for job in asked:
            self._finish(job, fault.answer(job.instruction.task))
            job.release()

    def _fail_waiting(self, fault: Fault) -> None:
        with self._changed:
            waiting = tuple(self._waiting)
            self._waiting.clear()
        for work in waiting:
            if isinstance(work, tuple):
                self._fail(work, fault)
            elif work.on_released is not None:
                call(work.on_released)

    # The model's thread.

    def _run(self) -> None:
        try:
            loaded = self._load()
        except Exception as error:  # of any library
            self.load_error = error
            self._board.write_state(ModelState.FAILED, f"{type(error).__name__}: {error}")
            return
        self._board.write(ModelStatus(ModelState.READY, model=loaded.description))
        while (work := self._next()) is not None:
            if isinstance(work, _OfferedFrame):
                self._encode(loaded.runner, work)
            elif not self._answer(loaded.runner, work):
                return
            del work  # or it would keep its pictures until there is other work

    def _next(self) -> _Work | None:
        """The work to do now; None when it is over."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            self._running = self._waiting.popleft()
            return self._running

    def _encode(self, runner: Runner, offered: _OfferedFrame) -> None:
        error = encode_in_advance(runner, offered.frame)
        kind = "segments" if isinstance(offered.frame, SoundSegment) else "frames"
        with self._changed:
            self._counts[f"{kind}_failed" if error else f"{kind}_encoded"] += 1
        if offered.on_released is not None:
            call(offered.on_released)

    def _answer(self, runner: Runner, asked: tuple[Job, ...]) -> bool:
        """Answers questions; False if the model cannot go on."""
        for job in asked:
            job.sent = time.monotonic()
        try:
            self._report(asked)  # they may be over already
            answers = self._answers(runner, asked)
        except Exception as error:  # of any library: it becomes the answer
            fault = explained(error)
            if fault.broken:
                self._board.write_state(ModelState.FAILED, fault.message)
                self._fail_waiting(Fault(ErrorCode.MODEL_NOT_READY, fault.message))
            self._fail(asked, fault)
            return not fault.broken
        for job, answer in zip(asked, answers, strict=True):
            self._finish(job, answer)
            job.release()
        return True

    def _answers(self, runner: Runner, asked: tuple[Job, ...]) -> tuple[Answer, ...]:
        questions = [(job.instruction, job.observation) for job in asked]
        if len(questions) > 1:
            return runner.run_batch(questions, partial(self._report, asked))
        return (runner.run(*questions[0], partial(self._report, asked, 0)),)

    def _report(
        self,
        asked: tuple[Job, ...],
        number: int = 0,
        stage: Stage = Stage.PREPROCESSING,
        text: str = "",
        tokens: int = 0,
    ) -> None:
        """Tells the progress of one question, and ends all when nobody waits for any of them."""
        for job in asked:
            if job.is_over():
                self._finish(job, job.verdict())
        if all(job.done() for job in asked):
            raise InstructionCanceled
        asked[number].progress(Progress(stage, text, tokens))
