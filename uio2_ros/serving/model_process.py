"""The client half of the inference process: starts, watches, restarts and asks it. No torch."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from dataclasses import replace
from types import TracebackType

from uio2_ros.processes.lifeline import is_suspended
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.settings import ServingSettings
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelState, ModelStatus
from uio2_ros.serving.status_board import OnStatus, StatusBoard
from uio2_ros.serving.supervisor import Launch, Supervisor
from uio2_ros.serving.ticket import Job, OnDone, OnProgress, OnReleased, Ticket, call
from uio2_ros.serving.wakeup import Wakeup
from uio2_ros.serving.workload import Workload

DEFAULT_RUNNER = "uio2_ros.serving.runner:make_runner"


class ModelProcess:
    """A model in a process of its own: supervised, one instruction at a time, cancellable.

    Every method may be called from any thread and none waits for the model, except `stop` (at most
    `stop_s`) and `wait_ready`. Callbacks run on the supervisor's thread, except those of an
    instruction or frame that is refused at once: these run inside the call. They must be short and
    must not call `start` or `stop`; what they raise is logged. The process ends with this one,
    however that ends.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        settings: ServingSettings | None = None,
        arena: SharedArena | None = None,
        on_status: OnStatus | None = None,
        python: str = sys.executable,
        runner_factory: str = DEFAULT_RUNNER,
    ) -> None:
        """`arena` is shared with the histories (default: one of its own); `on_status` hears every
        change of state. `python` is the interpreter that has torch. `runner_factory` names a
        function "module:function" that takes the spec and returns a `LoadedRunner` in the child.
        """
        self.arena = arena or SharedArena()
        """The shared memory; pictures kept in it cross without a copy."""
        self._launch = Launch(spec, python, runner_factory)
        self._settings = settings or ServingSettings()
        self._board = StatusBoard(on_status)
        self._workload = Workload(self.arena, self._settings.queue_size)
        self._wakeup = Wakeup()
        self._numbers = itertools.count(1)
        self._lifecycle = threading.Lock()  # serialises start and stop
        self._supervisor: Supervisor | None = None

    def start(self) -> None:
        """Begins loading, also again after `stop` or FAILED; returns at once."""
        with self._lifecycle:
            if self._supervisor is not None:
                if self._board.read().state is not ModelState.FAILED:
                    return
                self._supervisor.stop()
            self._supervisor = Supervisor(
                self._launch, self._settings, self._board, self._workload, self._wakeup
            )
            self._supervisor.begin()

    def stop(self) -> None:
        """Ends the process and frees its memory. What was running or waiting becomes CANCELED."""
        with self._lifecycle:
            if self._supervisor is not None:
                self._supervisor.stop()
                self._supervisor = None
                self._workload.refuse("it is stopped")
                self._board.write_state(ModelState.STOPPED)

    def status(self) -> ModelStatus:
        """The present state."""
        status = self._board.read()
        suspended = status.pid is not None and is_suspended(status.pid)
        return replace(status, counts=self._workload.counts(), suspended=suspended)

    def wait_ready(self, timeout_s: float) -> ModelStatus:
        """Waits until the state is READY or FAILED or the time is over; the state then."""
        self._board.wait_settled(timeout_s)
        return self.status()

    def submit(
        self,
        instruction: Instruction,
        observation: Observation,
        *,
        timeout_s: float,
        on_progress: OnProgress | None = None,
        on_done: OnDone | None = None,
        on_released: OnReleased | None = None,
    ) -> Ticket:
        """Asks for an answer within `timeout_s` seconds from now.

        Never raises for what goes wrong: the answer then is `Answer.failed` with MODEL_NOT_READY
        (not READY now), BUSY (the queue is full), TIMEOUT, CANCELED, OUT_OF_MEMORY,
        INFERENCE_FAILED, or a code of the task. ValueError if `timeout_s` is not positive.

        on_progress(stage, text so far, tokens) at every token; on_done(answer) once; on_released()
        once, when the model no longer reads the observation's arrays (after on_done, and later if
        the model is slow to stop): the moment to release a `FrameSnapshot`.
        """
        if not timeout_s > 0:
            raise ValueError(f"the timeout of an instruction is {timeout_s} s; give more than 0")
        job = Job(
            number=next(self._numbers),
            task=instruction.task,
            deadline=time.monotonic() + timeout_s,
            timeout_s=timeout_s,
            on_progress=on_progress,
            on_done=on_done,
            on_released=on_released,
        )
        refusal = self._workload.put(job, instruction, observation)
        if refusal is None:
            self._wakeup.set()
        else:
            answer = Answer.failed(refusal.code, refusal.message, instruction.task)
            self._workload.finish(job, answer)
            self._workload.give_back(job)
        return Ticket(job, self._wakeup.set)

    def offer_history_frame(self, frame: Frame, *, on_released: OnReleased | None = None) -> bool:
        """Lets an idle model encode a history frame in advance; False if it was not idle.

        ValueError if the frame has no key. on_released() comes once in either case, as for
        `submit`.
        """
        if frame.key is None:
            raise ValueError("a frame without a key cannot be found again; give it one")
        taken = self._workload.put_frame(frame, on_released)
        if taken:
            self._wakeup.set()
        elif on_released is not None:
            call(on_released)
        return taken

    def __enter__(self) -> ModelProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
