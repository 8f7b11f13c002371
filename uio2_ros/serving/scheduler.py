"""What answerers with a queue of jobs share. No torch."""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import Future

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import Answerer, InferenceRequest, OnReleased
from uio2_ros.serving.job import Job, call
from uio2_ros.serving.status import ModelStatus
from uio2_ros.serving.status_board import StatusBoard


class Scheduler(Answerer):
    """An answerer that makes a job of each instruction and puts it where its turn comes."""

    _board: StatusBoard

    def wait_ready(self, timeout_s: float) -> ModelStatus:
        """See `Answerer`."""
        self._board.wait_settled(timeout_s)
        return self.status()

    def take(self, request: InferenceRequest) -> Future[Answer]:
        """See `Answerer`."""
        job = Job(request, self._on_cancel)
        self._put(job)
        return job

    def offer_frame(
        self, frame: Frame, *, robot: str = "", on_released: OnReleased | None = None
    ) -> bool:
        """See `Answerer`."""
        del robot  # there is one model
        if frame.key is None:
            raise ValueError("a frame without a key cannot be found again; give it one")
        taken = self._put_frame(frame, on_released)
        if not taken and on_released is not None:
            call(on_released)
        return taken

    def offer_segment(self, segment: SoundSegment, *, robot: str = "") -> bool:
        """See `Answerer`."""
        del robot
        return self._put_frame(segment, None)

    @abstractmethod
    def _put(self, job: Job) -> None:
        """Lets a job wait for its turn, or answers it with why not."""

    @abstractmethod
    def _put_frame(self, frame: Frame | SoundSegment, on_released: OnReleased | None) -> bool:
        """Takes a frame or segment if there is nothing else to do."""

    @abstractmethod
    def _on_cancel(self, job: Job) -> None:
        """A job is to end; on the thread that asks for it."""
