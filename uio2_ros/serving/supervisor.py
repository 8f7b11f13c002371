"""Keeps the inference process alive and feeds it: the thread behind a `ModelProcess`. No torch."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait

from uio2_ros.robot.errors import ErrorCode
from uio2_ros.serving.child_link import ChildLink
from uio2_ros.serving.codec import ProtocolError
from uio2_ros.serving.faults import Fault
from uio2_ros.serving.protocol import (
    Answered,
    Cancel,
    FrameTaken,
    FromChild,
    Hello,
    Load,
    Loaded,
    LoadFailed,
    Quit,
    Reported,
)
from uio2_ros.serving.settings import ServingSettings
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelDescription, ModelState
from uio2_ros.serving.status_board import StatusBoard
from uio2_ros.serving.wakeup import Wakeup
from uio2_ros.serving.workload import Workload

MOST_WAIT_S = 60.0
"""Deadlines may lie further away than a system call can wait: time is looked at anew."""
FRAME = 0
"""Stands for the frame in hand where jobs have their numbers, which begin with 1."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Launch:
    """What to start: everything about the child that does not change between its lives."""

    spec: ModelSpec
    python: str
    factory: str


class ModelSupervisor(threading.Thread):
    """Starts the child, restarts it when it dies, and gives it its work, until `stop`.

    One thread starts every child and lives as long as each, as `die_with_parent` requires; all
    callbacks of accepted work run on it. What goes wrong with one job fails that job.
    """

    def __init__(
        self,
        launch: Launch,
        settings: ServingSettings,
        board: StatusBoard,
        workload: Workload,
        wakeup: Wakeup,
    ) -> None:
        super().__init__(name="model supervisor", daemon=True)
        self.launch = launch
        self.settings = settings
        self.board = board
        self.workload = workload
        self.wakeup = wakeup
        self._stop_asked = threading.Event()

    def begin(self) -> None:
        """Makes LOADING known and starts the thread."""
        self._enter(ModelState.LOADING, f"loading {self.launch.spec.model}")
        self.start()

    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop_asked.is_set()

    def stop(self) -> None:
        """Ends the child and the thread; any other thread. Returns when both have ended."""
        self._stop_asked.set()
        self.wakeup.set()
        self.join()

    def run(self) -> None:
        """The thread."""
        try:
            self._keep_alive()
        except Exception as error:  # a bug of ours must not leave anybody waiting
            logger.exception("the supervisor of the model failed")
            self._give_up(Fault(ErrorCode.UNKNOWN, f"its supervisor failed: {error!r}"))

    def _keep_alive(self) -> None:
        crashes = 0
        backoff = Backoff(self.settings.backoff_s, self.settings.max_backoff_s)
        while not self.is_stopping():
            child = ChildLifecycle(self)
            fault = child.run()
            if self.is_stopping():
                break
            crashes = 0 if child.loaded else crashes + 1
            if child.hopeless or crashes >= self.settings.max_load_crashes:
                self._give_up(fault)
                return
            if child.answered:
                backoff.reset()
            self._restart_after(fault, backoff.next_s())
        self._enter(ModelState.STOPPED, "")
        self.workload.abandon_running(Fault(ErrorCode.CANCELED, "the model was stopped"))
        self.workload.abandon_waiting(Fault(ErrorCode.CANCELED, "the model was stopped"))

    def await_something(self, connection: Connection | None, until: float | None) -> bool:
        """Waits for a message (True), a wake-up, the next deadline or `until`; not for ever."""
        times = [t for t in (until, self.workload.next_deadline()) if t is not None]
        left_s = min(times, default=math.inf) - time.monotonic()
        woken = self.wakeup.fileno()
        ready = wait(
            [woken] if connection is None else [woken, connection],
            min(max(0.0, left_s), MOST_WAIT_S),
        )
        if woken in ready:
            self.wakeup.clear()
        return connection in ready

    def ready(self, model: ModelDescription) -> None:
        """The child has loaded."""
        status = self.board.read()
        self.workload.accept()
        self.board.write(replace(status, state=ModelState.READY, reason="", model=model))

    def _enter(self, state: ModelState, reason: str) -> None:
        """A state in which nothing is accepted."""
        self.workload.refuse(reason or state.value)
        self.board.write_state(state, reason)

    def _restart_after(self, fault: Fault, seconds: float) -> None:
        """Fails what ran and waits; deadlines and cancellations of waiting jobs go on."""
        logger.warning("%s; restarting in %g s", fault.message, seconds)
        self.workload.count("crashed")
        status = self.board.read()
        reason = f"it is being restarted because {fault.message}"
        self.workload.refuse(reason)
        self.board.write(
            replace(
                status,
                state=ModelState.RESTARTING,
                reason=reason,
                pid=None,
                restarts=status.restarts + 1,
            )
        )
        self.workload.abandon_running(fault)
        end = time.monotonic() + seconds
        while not self.is_stopping() and time.monotonic() < end:
            self.await_something(None, end)
            self.workload.reap_waiting()

    def _give_up(self, fault: Fault) -> None:
        self._enter(ModelState.FAILED, fault.message)
        self.workload.abandon_running(fault)
        self.workload.abandon_waiting(Fault(ErrorCode.MODEL_NOT_READY, fault.message))


class Backoff:
    """Waits that double up to a bound."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait now."""
        now_s = self._next_s
        self._next_s = min(2 * now_s, self._longest_s)
        return now_s

    def reset(self) -> None:
        """Begins with the first wait again."""
        self._next_s = self._first_s


class ChildLifecycle:
    """One child from its start to its end, on the supervisor's thread."""

    def __init__(self, supervisor: ModelSupervisor) -> None:
        self.loaded = False
        self.answered = False
        self.hopeless = False
        """Whether the next life would end the same way."""
        self._supervisor = supervisor
        self._workload = supervisor.workload
        self._grace_s = supervisor.settings.grace_s
        self._greeted = False
        self._stop_by: dict[int, float] = {}  # when the child is killed for a job, by number
        self._fault: Fault | None = None  # what is known better than from the exit code

    def run(self) -> Fault:
        """Serves until the process is gone or the supervisor stops; how it ended.

        The running instruction and the frame in hand are the supervisor's to fail.
        """
        launch = self._supervisor.launch
        try:
            link = ChildLink(launch.spec, self._workload.arena, launch.python)
        except OSError as error:
            self.hopeless = True
            message = f"the interpreter {launch.python} cannot be started: {error}"
            return Fault(ErrorCode.MODEL_NOT_READY, message)
        board = self._supervisor.board
        board.write(replace(board.read(), pid=link.pid))
        try:
            while not self._supervisor.is_stopping() and self._turn(link):
                pass
        finally:
            fault = self._end(link)
        return fault

    def _turn(self, link: ChildLink) -> bool:
        """One message, wake-up or deadline; False if the process is gone."""
        try:
            if self._supervisor.await_something(link.connection, self._kill_at):
                message = link.receive()
                if message is None:
                    return False
                self._take(link, message)
            self._watch(link)
            if self.loaded:
                self._dispatch(link)
        except ProtocolError as error:
            message_text = f"the inference process said what cannot be understood: {error}"
            self._replace(link, Fault(ErrorCode.MODEL_NOT_READY, message_text))
        except Exception as error:  # a bug of ours must not end the model for everybody
            logger.exception("supervising the model failed")
            self._blame(link, Fault(ErrorCode.UNKNOWN, f"its supervision failed: {error!r}"))
        return True

    def _replace(self, link: ChildLink, fault: Fault) -> None:
        """Ends the child because of a fault."""
        self.hopeless = not self._greeted
        self._stop_by.clear()
        self._fault = fault
        link.kill()

    def _blame(self, link: ChildLink, fault: Fault) -> None:
        """Fails the jobs under way or, without any, those that wait; a child that has none is
        replaced."""
        self._workload.count("supervision_failed")
        if self._workload.running:
            self._workload.fail_running(fault)
            for number in self._workload.running:
                self._stop_soon(link, number)
        elif self.loaded:
            self._workload.abandon_waiting(fault)
        else:
            self._replace(link, fault)

    def _stop_soon(self, link: ChildLink, number: int) -> None:
        """Asks the child to leave a job; it is killed if it does not."""
        link.tell(Cancel(number))
        self._stop_by.setdefault(number, time.monotonic() + self._grace_s)

    @property
    def _kill_at(self) -> float | None:
        """When the child is killed if it does not stop what it was to stop."""
        return min(self._stop_by.values(), default=None)

    def _take(self, link: ChildLink, message: FromChild) -> None:
        running = self._workload.running
        if isinstance(message, Reported) and message.number in running:
            running[message.number].job.progress(message.progress)
        elif isinstance(message, Answered) and message.number in running:
            self._stop_by.pop(message.number, None)
            try:
                self._workload.finish(running[message.number].job, message.answer)
            finally:
                self._workload.end_running(message.number)
            self.answered = self.answered or message.answer.error_code is ErrorCode.NONE
        elif isinstance(message, FrameTaken):
            self._stop_by.pop(FRAME, None)
            self._workload.end_frame("failed" if message.error else "encoded")
        elif isinstance(message, Hello):
            self._greeted = True
            launch = self._supervisor.launch
            link.tell(Load(launch.spec, launch.factory))
        elif isinstance(message, Loaded):
            self.loaded = True
            self._supervisor.ready(message.model)
        elif isinstance(message, LoadFailed):
            self.hopeless = not message.again
            self._fault = Fault(ErrorCode.MODEL_NOT_READY, message.message)

    def _watch(self, link: ChildLink) -> None:
        """Answers what is over, and kills a child that does not stop for it."""
        late = self._workload.reap_waiting()
        for number, packed in self._workload.running.items():
            if not packed.job.done() and packed.job.is_over():
                self._workload.finish(packed.job, packed.job.verdict())
                self._stop_soon(link, number)
        if late and self._workload.frame_is_sent:
            self._stop_by.setdefault(FRAME, time.monotonic() + self._grace_s)
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            message = f"the model did not stop within {self._grace_s:g} s and was killed"
            self._replace(link, Fault(ErrorCode.INFERENCE_FAILED, message))

    def _dispatch(self, link: ChildLink) -> None:
        while (job := self._workload.begin_next()) is not None:
            link.send(job.data)
        frame = self._workload.begin_frame()
        if frame is not None:
            link.send(frame.data)

    def _end(self, link: ChildLink) -> Fault:
        """Ends the process; why it ended."""
        if self._supervisor.is_stopping():
            link.tell(Quit())
        returncode, fault = link.close(self._supervisor.settings.stop_s)
        if not self._greeted and returncode > 0:
            self.hopeless = True
            message = (
                f"{self._supervisor.launch.python} cannot run uio2_ros.serving.child; its output "
                "says why (are this package and numpy installed for it?)"
            )
            return Fault(ErrorCode.MODEL_NOT_READY, message)
        return self._fault or fault
