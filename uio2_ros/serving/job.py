"""An instruction as it is scheduled: its deadline, progress, cancellation and timings. No torch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError

from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.observation import Observation
from uio2_ros.serving.answerer import InferenceRequest

logger = logging.getLogger(__name__)


class Job(Future[Answer]):
    """An instruction on its way to its answer. Any thread may call any method.

    It owns the answer's timings of queue and total; those in between are the model's.
    """

    def __init__(
        self,
        request: InferenceRequest,
        on_cancel: Callable[[Job], None] | None = None,
    ) -> None:
        """`on_cancel` is told of every cancellation."""
        super().__init__()
        self.instruction = request.instruction
        self.observation = request.observation
        """Empty once it is released."""
        self.since = request.since
        self.deadline = request.since + request.timeout_s
        self.robot = request.robot
        self.on_progress = request.on_progress
        self.sent: float | None = None
        """When the model got it, in time.monotonic()."""
        self._timeout_s = request.timeout_s
        self._on_released = request.on_released
        self._on_cancel = on_cancel
        self._cancel_requested = False

    def cancel(self) -> bool:
        """Asks for an end, see `Answerer.submit`; False if the answer is there."""
        if self.done():
            return False
        self._cancel_requested = True
        if self._on_cancel is not None:
            self._on_cancel(self)
        return True

    def is_over(self) -> bool:
        """Whether it was cancelled or is late."""
        return self._cancel_requested or time.monotonic() >= self.deadline

    def verdict(self) -> Answer:
        """The answer to a job that is over."""
        if self._cancel_requested:
            code, message = ErrorCode.CANCELED, "the instruction was cancelled"
        else:
            code, message = (
                ErrorCode.TIMEOUT,
                f"no answer within {self._timeout_s:g} s; give more time, ask for less, or use a "
                "smaller model or a faster device",
            )
        return Answer.failed(code, message, self.instruction.task)

    def finish(self, answer: Answer) -> bool:
        """Gives the answer with its timings to whoever waits; False if there was one already."""
        now = time.monotonic()
        queued = (now if self.sent is None else self.sent) - self.since
        try:
            self.set_result(answer.timed(queue=queued, total=now - self.since))
        except InvalidStateError:
            return False
        return True

    def progress(self, progress: Progress) -> None:
        """Tells how far the model is, unless the answer is there already."""
        if self.on_progress is not None and not self.done():
            call(self.on_progress, progress)

    def release(self) -> None:
        """Says, once, that nothing reads the observation any more."""
        self.observation = Observation()
        released, self._on_released = self._on_released, None
        if released is not None:
            call(released)


def call(callback: Callable[..., object], *arguments: object) -> None:
    """Calls what a user gave; what it raises is logged, because the caller must go on."""
    try:
        callback(*arguments)
    except Exception:  # of foreign code
        logger.exception("callback %r failed", callback)
