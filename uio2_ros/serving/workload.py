"""What the model has to do: instructions under way, those that wait, a frame in hand. No torch."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass

from uio2_ros.history.memory import Bytes
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import OnReleased
from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.codec import ProtocolError
from uio2_ros.serving.faults import Fault
from uio2_ros.serving.job import Job, call
from uio2_ros.serving.protocol import OfferFrame, OfferSegment, Submit, pack
from uio2_ros.serving.turns import Turns
from uio2_ros.tasks.registry import TASKS, gives_plan

OUTCOMES = {
    ErrorCode.NONE: "answered",
    ErrorCode.CANCELED: "canceled",
    ErrorCode.TIMEOUT: "timed_out",
    ErrorCode.BUSY: "busy",
}
"""Names under which answers are counted; all other codes are "failed"."""


@dataclass(eq=False)
class Packed:
    """A job as the child gets it."""

    number: int
    job: Job
    data: bytes
    borrowed: list[Bytes]

    @property
    def urgent(self) -> bool:
        """Whether a robot waits for it to move."""
        return gives_plan(self.job.instruction.task)

    @property
    def alone(self) -> bool:
        """Whether nothing is answered beside it: a picture or a sound takes the model for long."""
        task = TASKS.get(self.job.instruction.task)
        return task is not None and task.makes_media


@dataclass(eq=False)
class OfferedFrame:
    """A frame or segment of the history to encode in advance, as the child gets it."""

    kind: str
    """Under which it is counted: frames or segments."""
    data: bytes
    borrowed: list[Bytes]
    on_released: OnReleased | None
    sent: bool = False


class Workload:
    """Any thread may `put`; the supervisor's thread does the rest.

    Refuses everything until `accept`, and again after `refuse`; what waits then goes on waiting.
    """

    def __init__(self, arena: SharedArena, queue_size: int, concurrent: int = 1) -> None:
        self.arena = arena
        self.running: dict[int, Packed] = {}
        """What the child has, answered or not, by number. ModelSupervisor's thread."""
        self._concurrent = concurrent
        self._queue_size = queue_size
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards what follows
        self._refusal = "it was not started"
        self._waiting: Turns[Packed] = Turns()
        self._frame: OfferedFrame | None = None
        self._counts: Counter[str] = Counter()

    # Any thread.

    def put(self, job: Job) -> bool:
        """Lets the job wait for its turn, or answers it with why not."""
        fault = self._try_put(job)
        if fault is not None:
            self.finish(job, fault.answer(job.instruction.task))
            job.release()
        return fault is None

    def _try_put(self, job: Job) -> Fault | None:
        with self._lock:
            if self._refusal:
                message = f"the model is not ready: {self._refusal}; ask again when it is"
                return Fault(ErrorCode.MODEL_NOT_READY, message)
            soon = max(0, self._concurrent - len(self.running))
            if len(self._waiting) >= self._queue_size + soon:
                message = (
                    f"{len(self._waiting)} instructions wait for those under way already; ask "
                    "again later or raise queue_size"
                )
                return Fault(ErrorCode.BUSY, message)
            number = next(self._numbers)
            try:
                reports = job.on_progress is not None
                submit = Submit(number, job.instruction, job.observation, reports)
                packed = Packed(number, job, *pack(submit, self.arena))
            except MemoryError as error:
                return Fault(ErrorCode.OUT_OF_MEMORY, str(error))
            except ProtocolError as error:
                return Fault(ErrorCode.INVALID_REQUEST, str(error))
            self._waiting.put(packed, job.robot, packed.urgent)
        return None

    def put_frame(self, frame: Frame | SoundSegment, on_released: OnReleased | None) -> bool:
        """Takes a frame or segment if there is nothing else to do."""
        offer, kind = (
            (OfferSegment(frame), "segments")
            if isinstance(frame, SoundSegment)
            else (OfferFrame(frame), "frames")
        )
        with self._lock:
            busy = self._refusal or self.running or self._waiting or self._frame
            try:
                packed = None if busy else pack(offer, self.arena)
            except MemoryError:
                packed = None
            if packed is None:
                self._counts[f"{kind}_dropped"] += 1
                return False
            self._frame = OfferedFrame(kind, *packed, on_released)
        return True

    def counts(self) -> dict[str, int]:
        """What happened so far, by name."""
        with self._lock:
            return dict(self._counts)

    def count(self, name: str) -> None:
        """Counts something that happened."""
        with self._lock:
            self._counts[name] += 1

    def finish(self, job: Job, answer: Answer) -> None:
        """Answers and counts a job, unless it has an answer."""
        if job.finish(answer):
            self.count(OUTCOMES.get(answer.error_code, "failed"))

    # The supervisor's thread.

    def accept(self) -> None:
        """Lets jobs and frames come."""
        with self._lock:
            self._refusal = ""

    def refuse(self, reason: str) -> None:
        """Lets nothing come, for a reason."""
        with self._lock:
            self._refusal = reason

    def next_deadline(self) -> float | None:
        """When the next unanswered job is late, in time.monotonic()."""
        with self._lock:
            packed = [*self._waiting, *self.running.values()]
            times = [one.job.deadline for one in packed if not one.job.done()]
            return min(times, default=None)

    def begin_next(self) -> Packed | None:
        """The job whose turn it is, for the child, if it has no frame and room for the job.

        One that is to be alone waits until the others are done, and none begins before it does.
        """
        with self._lock:
            packed = self._waiting.peek()
            under_way = self.running.values()
            if packed is None or self.frame_is_sent or len(under_way) >= self._concurrent:
                return None
            if under_way and (packed.alone or any(one.alone for one in under_way)):
                return None
            self._waiting.take()
            self.running[packed.number] = packed
            packed.job.sent = time.monotonic()
            return packed

    def begin_frame(self) -> OfferedFrame | None:
        """The frame that was offered, if it is to be sent now."""
        with self._lock:
            if self._frame is None or self._frame.sent or self.running:
                return None
            self._frame.sent = True
            return self._frame

    @property
    def frame_is_sent(self) -> bool:
        """Whether the child has a frame."""
        return self._frame is not None and self._frame.sent

    def end_running(self, number: int) -> None:
        """The child is done with a job."""
        with self._lock:
            packed = self.running.pop(number, None)
        if packed is not None:
            self._give_back(packed)

    def end_frame(self, outcome: str = "") -> None:
        """The child is done with the frame; counts how that ended, if it is known."""
        with self._lock:
            frame, self._frame = self._frame, None
            if frame is not None and outcome:
                self._counts[f"{frame.kind}_{outcome}"] += 1
        if frame is not None:
            self._free(frame.borrowed)
            if frame.on_released is not None:
                call(frame.on_released)

    def reap_waiting(self) -> int:
        """Answers the waiting jobs that were cancelled or are late; how many."""
        with self._lock:
            over = [packed for packed in self._waiting if packed.job.is_over()]
            for packed in over:
                self._waiting.remove(packed)
        for packed in over:
            self.finish(packed.job, packed.job.verdict())
            self._give_back(packed)
        return len(over)

    def abandon_running(self, fault: Fault) -> None:
        """The child is gone: fails what it had, if unanswered, and drops the frame."""
        self.fail_running(fault)
        for number in tuple(self.running):
            self.end_running(number)
        self.end_frame()

    def fail_running(self, fault: Fault) -> None:
        """Answers the jobs that the child has yet."""
        for packed in self.running.values():
            self.finish(packed.job, fault.answer(packed.job.instruction.task))

    def abandon_waiting(self, fault: Fault) -> None:
        """Fails all that waits."""
        with self._lock:
            waiting = tuple(self._waiting)
            self._waiting.clear()
        for packed in waiting:
            self.finish(packed.job, fault.answer(packed.job.instruction.task))
            self._give_back(packed)

    def _give_back(self, packed: Packed) -> None:
        """Frees the memory of a job that the child does not read (any more)."""
        self._free(packed.borrowed)
        packed.job.release()

    def _free(self, borrowed: list[Bytes]) -> None:
        while borrowed:
            self.arena.free(borrowed.pop())
