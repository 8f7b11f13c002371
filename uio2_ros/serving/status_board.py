"""Where the supervisor writes the state and everybody reads it. No torch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from uio2_ros.serving.job import call
from uio2_ros.serving.status import ModelState, ModelStatus

OnStatus = Callable[[ModelStatus], None]

logger = logging.getLogger(__name__)


class StatusBoard:
    """The last status, for any thread; the callback runs on the thread that writes."""

    def __init__(self, on_status: OnStatus | None) -> None:
        self._on_status = on_status
        self._changed = threading.Condition()
        self._status = ModelStatus(ModelState.STOPPED)

    def read(self) -> ModelStatus:
        """The last status."""
        with self._changed:
            return self._status

    def write(self, status: ModelStatus) -> None:
        """Makes it known."""
        with self._changed:
            before, self._status = self._status, status
            self._changed.notify_all()
        if (before.state, before.reason) != (status.state, status.reason):
            reason = f": {status.reason}" if status.reason else ""
            unheard = status.state is ModelState.FAILED and self._on_status is None
            level = logging.ERROR if unheard else logging.INFO
            logger.log(level, "the model is %s%s", status.state.value, reason)
            if self._on_status is not None:
                call(self._on_status, status)

    def write_state(self, state: ModelState, reason: str = "") -> None:
        """Makes another state known; a process that is not there has no number."""
        gone = state in (ModelState.STOPPED, ModelState.FAILED)
        status = self.read()
        self.write(replace(status, state=state, reason=reason, pid=None if gone else status.pid))

    def wait_settled(self, timeout_s: float) -> ModelStatus:
        """Waits for READY or FAILED; the status then, or after the time."""
        settled = (ModelState.READY, ModelState.FAILED)
        with self._changed:
            self._changed.wait_for(
                lambda: self._status.state in settled, min(timeout_s, threading.TIMEOUT_MAX)
            )
            return self._status
