"""Two answerers as one: the second answers while the first is not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from uio2_ros.history.memory import PixelMemory
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import Answerer, InferenceRequest, OnReleased
from uio2_ros.serving.job import call
from uio2_ros.serving.status import ModelState, ModelStatus

LOOK_S = 0.05
"""How often both are looked at while somebody waits for either."""


class Fallback(Answerer):
    """Asks `first` while it is READY, else `second`; `Answer.model` says which it was.

    What `first` had when it went away, and answered with MODEL_NOT_READY, is asked of `second` in
    the time that is left. An instruction is answered once, whichever answers.
    """

    def __init__(self, first: Answerer, second: Answerer) -> None:
        self.first, self.second = first, second
        self.memory: PixelMemory = second.memory  # the first copies, wherever pictures are

    def status(self) -> ModelStatus:
        """That of the first if it is READY or neither is, else the second's, with why."""
        first = self.first.status()
        if first.state is ModelState.READY:
            return first
        second = self.second.status()
        if second.state is not ModelState.READY:
            return (
                first if second.state is ModelState.FAILED else replace(second, reason=first.reason)
            )
        reason = f"{second.model.name} answers here: {first.reason}"
        return replace(second, reason=reason, counts=second.counts | first.counts)

    def wait_ready(self, timeout_s: float) -> ModelStatus:
        """See `Answerer`: until either answers, or both have FAILED."""
        end = time.monotonic() + timeout_s
        while True:
            status = self.status()
            settled = status.state is ModelState.READY or {
                self.first.status().state,
                self.second.status().state,
            } == {ModelState.FAILED}
            if settled or time.monotonic() >= end:
                return status
            self.second.wait_ready(LOOK_S)
            self.first.wait_ready(LOOK_S)

    def take(self, request: InferenceRequest) -> Future[Answer]:
        """See `Answerer`."""
        if self.first.status().state is not ModelState.READY:
            return self.second.take(request)
        return _Handover(request, self.first, self.second)

    def offer_frame(
        self, frame: Frame, *, robot: str = "", on_released: OnReleased | None = None
    ) -> bool:
        """See `Answerer`."""
        ready = self.first.status().state is ModelState.READY
        answerer = self.first if ready else self.second
        return answerer.offer_frame(frame, robot=robot, on_released=on_released)

    def offer_segment(self, segment: SoundSegment, *, robot: str = "") -> bool:
        """See `Answerer`."""
        ready = self.first.status().state is ModelState.READY
        return (self.first if ready else self.second).offer_segment(segment, robot=robot)

    def close(self) -> None:
        """See `Answerer`."""
        self.first.close()
        self.second.close()


class _Handover(Future[Answer]):
    """An instruction that the second answerer gets if the first goes away."""

    def __init__(self, request: InferenceRequest, first: Answerer, second: Answerer) -> None:
        super().__init__()
        self._on_released = request.on_released
        self._request, self._second = replace(request, on_released=self._released), second
        self._lock = threading.Lock()  # guards what follows
        self._canceled = False
        self._readers = 2  # the first, and whoever may get it after that
        self._pending: Future[Answer] | None = None
        self._follow(first.take(self._request), self._ended)

    def cancel(self) -> bool:
        """See `Answerer.submit`."""
        with self._lock:
            self._canceled = True
            pending = self._pending
        return pending is not None and pending.cancel()

    def _follow(self, pending: Future[Answer], ended: Callable[[Future[Answer]], None]) -> None:
        with self._lock:
            self._pending = pending
            canceled = self._canceled
        pending.add_done_callback(ended)
        if canceled:
            pending.cancel()

    def _ended(self, done: Future[Answer]) -> None:
        answer = done.result(0)
        if answer.error_code is ErrorCode.MODEL_NOT_READY and not self._canceled:
            self._follow(self._second.take(self._request), self._answered)
            return
        self._released()
        self._answered(done)

    def _released(self) -> None:
        """One of those who read the observation, or might have, does so no more."""
        with self._lock:
            self._readers -= 1
            last = self._readers == 0
        if last and self._on_released is not None:
            call(self._on_released)

    def _answered(self, done: Future[Answer]) -> None:
        self.set_result(done.result(0))
