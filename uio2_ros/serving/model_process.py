"""An answerer whose model runs in a supervised process of its own. No torch."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

from uio2_ros.processes.lifeline import is_suspended
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import OnReleased
from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.job import Job
from uio2_ros.serving.scheduler import Scheduler
from uio2_ros.serving.settings import ServingSettings
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelState, ModelStatus
from uio2_ros.serving.status_board import OnStatus, StatusBoard
from uio2_ros.serving.supervisor import Launch, ModelSupervisor
from uio2_ros.serving.wakeup import Wakeup
from uio2_ros.serving.workload import Workload

DEFAULT_FACTORY = "uio2_ros.serving.runner:load_model"


class ModelProcess(Scheduler):
    """A model in a process of its own, restarted when it dies.

    `close` waits for `stop_s` at most. Callbacks run on the supervisor's thread and must not call
    `start` or `close`. The process ends with this one, however that ends.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        settings: ServingSettings | None = None,
        arena: SharedArena | None = None,
        on_status: OnStatus | None = None,
        python: str = sys.executable,
        factory: str = DEFAULT_FACTORY,
    ) -> None:
        """`arena` is shared with the histories (default: one of its own); `on_status` hears every
        change of state. `python` is the interpreter that has torch. `factory` names a function
        "module:function" that takes the spec and returns a `LoadedModel` in the child.
        """
        self.memory: SharedArena = arena or SharedArena()
        self._settings = settings or ServingSettings()
        spec = replace(spec, rows=self._settings.concurrent)
        self._launch = Launch(spec, python, factory)
        self._board = StatusBoard(on_status)
        self._workload = Workload(self.memory, self._settings.queue_size, self._settings.concurrent)
        self._wakeup = Wakeup()
        self._lifecycle = threading.Lock()  # serialises start and stop
        self._supervisor: ModelSupervisor | None = None

    def start(self) -> None:
        """Begins loading, also again after `close` or FAILED; returns at once."""
        with self._lifecycle:
            if self._supervisor is not None:
                if self._board.read().state is not ModelState.FAILED:
                    return
                self._supervisor.stop()
            self._supervisor = ModelSupervisor(
                self._launch, self._settings, self._board, self._workload, self._wakeup
            )
            self._supervisor.begin()

    def close(self) -> None:
        """See `Answerer`; after it `start` begins anew."""
        with self._lifecycle:
            if self._supervisor is not None:
                self._supervisor.stop()
                self._supervisor = None
                self._workload.refuse("it is stopped")
                self._board.write_state(ModelState.STOPPED)

    def status(self) -> ModelStatus:
        """See `Answerer`."""
        status = self._board.read()
        suspended = status.pid is not None and is_suspended(status.pid)
        return replace(status, counts=self._workload.counts(), suspended=suspended)

    def _put(self, job: Job) -> None:
        if self._workload.put(job):
            self._wakeup.set()

    def _put_frame(self, frame: Frame | SoundSegment, on_released: OnReleased | None) -> bool:
        taken = self._workload.put_frame(frame, on_released)
        if taken:
            self._wakeup.set()
        return taken

    def _on_cancel(self, job: Job) -> None:
        del job  # the supervisor looks at all of them
        self._wakeup.set()

    def __enter__(self) -> ModelProcess:
        self.start()
        return self
