"""An answerer whose model is replicated by Ray Serve. asyncio; Ray; no torch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from uio2_ros.history.memory import HeapMemory
from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import OnReleased
from uio2_ros.serving.faults import Fault
from uio2_ros.serving.job import Job, call
from uio2_ros.serving.scheduler import Scheduler
from uio2_ros.serving.status import ModelState, ModelStatus
from uio2_ros.serving.status_board import OnStatus, StatusBoard
from uio2_ros.serving.workload import OUTCOMES
from uio2_ros.tasks.registry import gives_plan

LOOK_S = 2.0
"""How often Serve is asked how many replicas there are."""
LONGEST_S = 86400.0
"""Of an instruction that may take any time."""
DESCRIBE_S = 10.0
"""How long a replica may take to say which model it is."""

logger = logging.getLogger(__name__)


class ReplicatedModel(Scheduler):
    """Asks replicas, those of one robot the same one as long as it is there.

    What a replica had when it died is asked once more of another, unless a plan is wanted: the
    picture it is about would be old by then, and steps that were told may be under way; that is
    MODEL_NOT_READY, and the robot asks anew with what it sees now. Callbacks run on the loop.
    """

    def __init__(self, application: str, on_status: OnStatus | None = None) -> None:
        """`application` is the model's in Ray Serve."""
        self.memory = HeapMemory()
        self._application = application
        self._board = StatusBoard(on_status)
        self._counts: Counter[str] = Counter()  # of the loop
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.Task[None] | None = None
        self._handle: DeploymentHandle[Any] | None = None

    def start(self) -> None:
        """Begins to look for replicas; on the loop that asks them."""
        self._board.write_state(ModelState.LOADING, "no replica of the model is ready yet")
        self._loop = asyncio.get_running_loop()
        self._handle = serve.get_app_handle(self._application)
        self._watching = self._loop.create_task(self._watch())

    def status(self) -> ModelStatus:
        """See `Answerer`."""
        return replace(self._board.read(), counts=dict(self._counts))

    def offer_frame(
        self, frame: Frame, *, robot: str = "", on_released: OnReleased | None = None
    ) -> bool:
        """See `Answerer`; the robot's replica decides whether it is idle."""
        ready = self._board.read().state is ModelState.READY
        taken = ready and self._later(self._keep, frame, robot)
        if on_released is not None:
            call(on_released)
        return taken

    def close(self) -> None:
        """See `Answerer`; not on the loop."""
        self._later(self._stop)
        self._board.write_state(ModelState.STOPPED)

    def _put(self, job: Job) -> None:
        status = self._board.read()
        if status.state is not ModelState.READY or not self._later(self._begin, job):
            reason = status.reason or status.state.value
            message = f"the model is not ready: {reason}; ask again when it is"
            self._end(job, Fault(ErrorCode.MODEL_NOT_READY, message).answer(job.instruction.task))

    def _on_cancel(self, job: Job) -> None:
        self._later(self._withdraw, job)
        job.finish(job.verdict())

    def offer_segment(self, segment: SoundSegment, *, robot: str = "") -> bool:
        """See `Answerer`."""
        del segment, robot
        return False

    def _put_frame(self, frame: Frame | SoundSegment, on_released: OnReleased | None) -> bool:
        raise NotImplementedError("offer_frame knows the robot, too")

    def _later(self, work: Callable[..., object], *arguments: object) -> bool:
        loop = self._loop
        if loop is None or loop.is_closed():
            return False
        loop.call_soon_threadsafe(work, *arguments)
        return True

    # ---- the loop ----

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._carry_out(job))
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    def _keep(self, frame: Frame, robot: str) -> None:
        assert self._handle is not None, "it was started"
        self._handle.options(session_id=robot, method_name="keep").remote(frame)

    def _withdraw(self, job: Job) -> None:
        if job in self._tasks:
            self._tasks[job].cancel()

    def _stop(self) -> None:
        for task in (self._watching, *self._tasks.values()):
            if task is not None:
                task.cancel()

    async def _carry_out(self, job: Job) -> None:
        answer = Fault(ErrorCode.CANCELED, "the model was stopped").answer(job.instruction.task)
        try:
            left_s = job.deadline - time.monotonic()
            answer = await asyncio.wait_for(self._ask(job), min(left_s, LONGEST_S))
        except (TimeoutError, asyncio.TimeoutError):
            answer = job.verdict()
        except Exception as error:  # of Ray: it is the answer
            answer = _fault_of(error).answer(job.instruction.task)
        finally:
            self._end(job, job.verdict() if job.is_over() else answer)

    async def _ask(self, job: Job) -> Answer:
        try:
            return await self._ask_once(job)
        except RayActorError:
            self._counts["replicas_lost"] += 1
            if gives_plan(job.instruction.task):
                raise
        self._counts["asked_again"] += 1
        return await self._ask_once(job)

    async def _ask_once(self, job: Job) -> Answer:
        assert self._handle is not None, "it was started"
        job.sent = time.monotonic()
        told = self._handle.options(stream=True, session_id=job.robot, method_name="answer").remote(
            job.instruction,
            job.observation,
            job.deadline - time.monotonic(),
            job.robot,
            job.on_progress is not None,
        )
        try:
            async for what in told:
                if isinstance(what, Answer):
                    job.sent = min(time.monotonic(), job.sent + what.timings.queue)
                    return what
                assert isinstance(what, Progress)
                job.progress(what)
        finally:
            told.cancel()
        raise RayActorError(error_msg="the replica ended without an answer")

    def _end(self, job: Job, answer: Answer) -> None:
        if job.finish(answer):
            self._counts[OUTCOMES.get(answer.error_code, "failed")] += 1
        job.release()

    async def _watch(self) -> None:
        """Sees whether there are replicas, and which model they have."""
        while True:
            try:
                running = await asyncio.to_thread(running_replicas, self._application)
                await (self._found() if running else self._lost())
            except (RayError, RayServeException, TimeoutError, asyncio.TimeoutError) as error:
                logger.warning("replicas are not found: %s", error)
            await asyncio.sleep(LOOK_S)

    async def _found(self) -> None:
        assert self._handle is not None, "it was started"
        described = self._handle.options(method_name="describe").remote()
        model = await asyncio.wait_for(described, DESCRIBE_S)
        self._write(ModelStatus(ModelState.READY, model=model))

    async def _lost(self) -> None:
        status = self._board.read()
        if status.state is ModelState.READY:
            reason = "no replica of it is left; Ray Serve starts others"
            self._write(replace(status, state=ModelState.RESTARTING, reason=reason))

    def _write(self, status: ModelStatus) -> None:
        if status != self._board.read():
            self._board.write(status)


def running_replicas(application: str) -> int:
    """Replicas of an application that answer."""
    told = serve.status().applications.get(application)
    if told is None:
        return 0
    return sum(one.replica_states.get("RUNNING", 0) for one in told.deployments.values())


def _fault_of(error: Exception) -> Fault:
    if isinstance(error, BackPressureError):
        return Fault(ErrorCode.BUSY, "too many instructions wait; ask again later")
    if isinstance(error, RayActorError | RayServeException):
        message = "the replica that had the instruction ended; ask again"
        return Fault(ErrorCode.MODEL_NOT_READY, message)
    logger.error("a replica failed", exc_info=error)
    return Fault(ErrorCode.INFERENCE_FAILED, f"the replica failed: {type(error).__name__}: {error}")
