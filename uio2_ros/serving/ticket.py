"""One submitted instruction: the client's handle, and what the supervisor knows of it. No torch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from uio2_ros.history.memory import Bytes
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.errors import ErrorCode

OnProgress = Callable[[Stage, str, int], None]
OnDone = Callable[[Answer], None]
OnReleased = Callable[[], None]

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """An instruction on its way. `finish` and `release` do their work once; one thread calls them
    at a time."""

    number: int
    task: str
    deadline: float  # time.monotonic()
    timeout_s: float
    on_progress: OnProgress | None
    on_done: OnDone | None
    on_released: OnReleased | None
    data: bytes = b""
    borrowed: list[Bytes] = field(default_factory=list)
    submitted: float = field(default_factory=time.monotonic)
    sent: float | None = None
    cancel_requested: bool = False
    answer: Answer | None = None
    answered: threading.Event = field(default_factory=threading.Event)

    def is_over(self) -> bool:
        """Whether it was cancelled or is late."""
        return self.cancel_requested or time.monotonic() >= self.deadline

    def verdict(self) -> Answer:
        """The answer to a job that is over."""
        if self.cancel_requested:
            return Answer.failed(ErrorCode.CANCELED, "the instruction was cancelled", self.task)
        message = (
            f"no answer within {self.timeout_s:g} s; give more time, ask for less, or use a "
            "smaller model or a faster device"
        )
        return Answer.failed(ErrorCode.TIMEOUT, message, self.task)

    def finish(self, answer: Answer) -> bool:
        """Gives the answer with its timings to whoever waits; False if there was one already."""
        if self.answer is not None:
            return False
        now = time.monotonic()
        queued = (self.sent if self.sent is not None else now) - self.submitted
        self.answer = answer.timed(queue=queued, total=now - self.submitted)
        self.answered.set()
        if self.on_done is not None:
            call(self.on_done, self.answer)
        return True

    def progress(self, stage: Stage, text: str, tokens: int) -> None:
        """Tells how far the model is, unless the answer is there already."""
        if self.on_progress is not None and self.answer is None:
            call(self.on_progress, stage, text, tokens)

    def release(self) -> None:
        """Says that the model no longer reads the observation."""
        released, self.on_released = self.on_released, None
        if released is not None:
            call(released)


class Ticket:
    """One submitted instruction. Every method may be called from any thread."""

    def __init__(self, job: Job, wake: Callable[[], None]) -> None:
        """`wake` makes the supervisor look at the job."""
        self._job = job
        self._wake = wake

    @property
    def number(self) -> int:
        """Counts the instructions of a `ModelProcess` from 1."""
        return self._job.number

    def cancel(self) -> None:
        """Asks for an end: the answer becomes CANCELED at once, unless there is one already.

        The model stops at its next token; until then the next instruction waits.
        """
        self._job.cancel_requested = True
        self._wake()

    def done(self) -> bool:
        """Whether the answer is there."""
        return self._job.answered.is_set()

    def result(self, timeout_s: float | None = None) -> Answer:
        """Waits for the answer, a failed one included; TimeoutError if it takes longer."""
        if not self._job.answered.wait(timeout_s):
            raise TimeoutError(f"instruction {self.number} has no answer after {timeout_s} s")
        assert self._job.answer is not None
        return self._job.answer


def call(callback: Callable[..., object], *arguments: object) -> None:
    """Calls what a user gave; what it raises is logged, because the supervisor must go on."""
    try:
        callback(*arguments)
    except Exception:  # of foreign code
        logger.exception("callback %r failed", callback)
