"""The `~/instruct` service and action: one implementation, two ways to call it.

Requests are checked, and pictures decoded, on a thread of their own; results become messages on
another. The thread that spins the node only hands over, so that pictures keep coming. Drawings wait
until no request is being prepared.
"""

from __future__ import annotations

import functools
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from uio2_ros.action import Instruct as InstructAction
from uio2_ros.messages.answers import result_message, timings_message
from uio2_ros.messages.instructions import instruction_of
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import InstructionResult
from uio2_ros.nodes.agent.idle_work import IdleWork
from uio2_ros.nodes.agent.observations import Observations, PinnedObservation
from uio2_ros.nodes.agent.publishers import AnswerPublishers
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import Stopwatch
from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.serving import Answerer, OnProgress
from uio2_ros.srv import Instruct as InstructService
from uio2_ros.tasks.registry import TASKS, task_named
from uio2_ros.tasks.task import DEFAULT_FAMILY, Task

THREADS = 2
"""One prepares while the other finishes."""


@dataclass(frozen=True)
class Ready:
    """What answering needs; the agent has it while it is active."""

    answerer: Answerer
    observations: Observations
    max_age_s: float
    timeout_s: float
    picture_timeout_s: float
    draws: bool

    def time_for(self, task: Task) -> float:
        """Seconds its answer may take where the request does not say."""
        return self.picture_timeout_s if task.makes_media else self.timeout_s


@dataclass(eq=False)
class _Call:
    """A request on its way to its result."""

    request: Any
    """The service's request or the action's goal."""
    on_progress: OnProgress | None = None
    arrived: float = field(default_factory=time.monotonic)
    result: Future[InstructionResult] = field(default_factory=Future)
    afterwards: Callable[[], None] | None = None
    """What is left to do once the caller has the result; set before the result is."""
    canceled_because: str = ""
    """Why the agent cancelled it; "" if it did not."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: Future[Answer] | None = None
    _canceled: bool = False

    def cancel(self, because: str = "") -> None:
        """Asks for an end, now or once the model has the instruction. Any thread."""
        with self._lock:
            self._canceled = True
            self.canceled_because = self.canceled_because or because
            pending = self._pending
        if pending is not None:
            pending.cancel()

    def is_with_model(self, pending: Future[Answer]) -> None:
        """The model has it."""
        with self._lock:
            self._pending = pending
            canceled = self._canceled
        if canceled:
            pending.cancel()

    def timed(self, answer: Answer) -> Answer:
        """The answer with the time until now; what the model did not take is postprocessing."""
        total_s = time.monotonic() - self.arrived
        timings = answer.timings
        before_s = timings.total or total_s
        return answer.timed(total=total_s, postprocess=timings.postprocess + total_s - before_s)


class Instructions:
    """Answers instructions; create call with the node, `close` it at the end."""

    def __init__(
        self,
        node: Node,
        ready: Callable[[], Ready],
        publishers: AnswerPublishers,
        on_work: Callable[[], None],
    ) -> None:
        """`ready` gives what answering needs, or raises InstructionError MODEL_NOT_READY; `on_work`
        is called when instructions came or went, on the thread that spins the node."""
        self._node = node
        self._ready = ready
        self._publishers = publishers
        self._on_work = on_work
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="instructions")
        self._drawings = IdleWork()
        self._lock = threading.Lock()  # guards `_open`
        self._open: set[_Call] = set()
        self._replying = 0  # the spinning thread's
        self._of_goal: dict[bytes, _Call] = {}  # the spinning thread's
        self.latency = Stopwatch()
        """Of answers, from the request's arrival."""
        self.overhead = Stopwatch()
        """The part of it that was not spent in the queue or the model."""
        group = ReentrantCallbackGroup()
        node.create_service(InstructService, "~/instruct", self._on_request, callback_group=group)
        self._server = ActionServer(
            node,
            InstructAction,
            "~/instruct",
            self._on_goal,
            cancel_callback=self._on_cancel,
            callback_group=group,
        )

    def cancel_all(self, because: str) -> None:
        """Cancels whatever is on its way, and says why. Any thread."""
        with self._lock:
            under_way = tuple(self._open)
        for call in under_way:
            call.cancel(because)

    @property
    def replying(self) -> bool:
        """Whether a caller has no reply yet. The thread that spins the node."""
        return self._replying > 0

    def close(self) -> None:
        """Cancels everything and ends the threads; the model must be stopped already."""
        self.cancel_all("the agent is shutting down")
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._drawings.close()

    # On the thread that spins the node.

    async def _on_request(
        self, request: InstructService.Request, response: InstructService.Response
    ) -> InstructService.Response:
        call = _Call(request)
        response.result = await self._reply(call)
        self._go_on(call)
        return response

    async def _on_goal(self, goal: ServerGoalHandle) -> InstructAction.Result:
        call = _Call(goal.request)
        call.on_progress = functools.partial(_send_feedback, goal, call)
        key = bytes(goal.goal_id.uuid)
        self._of_goal[key] = call
        if goal.is_cancel_requested:
            call.cancel()
        result = await self._reply(call)
        del self._of_goal[key]
        self._go_on(call)
        _conclude(goal, result.error_code)
        return InstructAction.Result(result=result)

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        call = self._of_goal.get(bytes(goal.goal_id.uuid))
        if call is not None:
            call.cancel()
        return CancelResponse.ACCEPT

    async def _reply(self, call: _Call) -> InstructionResult:
        self._replying += 1
        self._on_work()
        try:
            return await result_of(self._ask(call), self._node)
        finally:
            self._replying -= 1

    def _go_on(self, call: _Call) -> None:
        """Starts what comes after the reply: the reply does not wait for topics and drawing.

        The executor takes this task up when it has sent what the coroutine is about to return;
        started at once, the work would compete with the sending for the interpreter.
        """
        executor = self._node.executor
        if executor is None:
            return
        executor.create_task(self._on_work)
        if call.afterwards is not None:
            executor.create_task(self._pool.submit, call.afterwards)

    def _ask(self, call: _Call) -> Future[InstructionResult]:
        with self._lock:
            self._open.add(call)
        call.result.add_done_callback(lambda _: self._forget(call))
        self._pool.submit(self._prepare, call)
        return call.result

    def _forget(self, call: _Call) -> None:
        with self._lock:
            self._open.discard(call)

    # On the threads of the pool.

    def _prepare(self, call: _Call) -> None:
        """Checks the request, takes the pictures and hands both to the model."""
        try:
            with self._drawings.undisturbed():
                self._submit(call)
        except InstructionError as error:
            self._refuse(call, error.code, error.message)
        except Exception as error:  # whatever it is, the caller gets an answer
            self._node.get_logger().error(traceback.format_exc())
            self._refuse(call, ErrorCode.UNKNOWN, f"{type(error).__name__}: {error}; see the log")

    def _refuse(self, call: _Call, code: ErrorCode, message: str) -> None:
        answer = call.timed(Answer.failed(code, message, call.request.task))
        result = result_message(answer, call.request.instruction, Header())
        call.afterwards = functools.partial(self._publish, call, answer, result)
        call.result.set_result(result)

    def _submit(self, call: _Call) -> None:
        instruction = instruction_of(call.request)
        ready = self._ready()
        task = task_named(instruction.task, ready.answerer.status().model.family or DEFAULT_FAMILY)
        timeout_s = call.request.timeout or ready.time_for(task)
        seen = ready.observations.observe(task, call.request.max_age or ready.max_age_s)
        release = _Countdown(2, seen.snapshot.release)
        try:
            _expect_frame(task, seen)
        except InstructionError:
            seen.snapshot.release()
            raise
        pending = ready.answerer.submit(
            instruction,
            seen.observation,
            timeout_s=timeout_s,
            since=call.arrived,
            on_progress=call.on_progress,
            on_released=release,
        )
        pending.add_done_callback(
            lambda done: self._pool.submit(self._finish, call, done.result(0), ready, seen, release)
        )
        call.is_with_model(pending)

    def _finish(
        self,
        call: _Call,
        answer: Answer,
        ready: Ready,
        seen: PinnedObservation,
        release: _Countdown,
    ) -> None:
        """Makes the result; what goes to topics and the drawing come after the reply."""
        try:
            answer = self._complete(call, answer, ready)
            message = result_message(answer, call.request.instruction, _header(seen))
            ready.observations.remember(seen, answer)
            answer = call.timed(answer)
            message.timings = timings_message(answer.timings)
            self._count(answer)
        except Exception as error:  # whatever it is, the caller gets an answer
            release()
            self._node.get_logger().error(traceback.format_exc())
            problem = f"{type(error).__name__}: {error}; see the log"
            self._refuse(call, ErrorCode.UNKNOWN, problem)
            return
        draws = ready.draws and seen.observation.image is not None and not answer.error_code
        call.afterwards = functools.partial(
            self._follow_up, call, answer, message, seen, release, draws=draws
        )
        call.result.set_result(message)

    def _complete(self, call: _Call, answer: Answer, ready: Ready) -> Answer:
        """With the model's name, and why it was cancelled, also where the model had no say."""
        model = ready.answerer.status().model
        canceled = answer.error_code is ErrorCode.CANCELED
        return replace(
            answer,
            error_msg=(canceled and call.canceled_because) or answer.error_msg,
            task=answer.task or call.request.task,
            model=answer.model or model.name,
            synthetic_weights=answer.synthetic_weights or model.synthetic_weights,
        )

    def _count(self, answer: Answer) -> None:
        if answer.error_code is ErrorCode.NONE:
            timings = answer.timings
            inside_s = timings.queue + timings.preprocess + timings.encode + timings.decode
            self.latency.add(timings.total)
            self.overhead.add(max(0.0, timings.total - inside_s))

    def _follow_up(
        self,
        call: _Call,
        answer: Answer,
        message: InstructionResult,
        seen: PinnedObservation,
        release: _Countdown,
        *,
        draws: bool,
    ) -> None:
        """Topics now, the drawing when nobody is disturbed by it."""
        self._publish(call, answer, message, seen.observation)
        if draws:
            draw = functools.partial(self._draw, call, answer, message, seen)
            self._drawings.give(draw, release)
        else:
            release()

    def _publish(
        self,
        call: _Call,
        answer: Answer,
        message: InstructionResult,
        observation: Observation | None = None,
    ) -> None:
        camera = None if observation is None else observation.camera
        try:
            outputs = () if answer.error_code else TASKS[call.request.task].outputs
            self._publishers.publish(answer, message, outputs, camera)
            if observation is not None:
                self._publishers.publish_asked(call.request, observation, message)
        except Exception:  # of any message: the caller has the answer already
            self._node.get_logger().error(traceback.format_exc())

    def _draw(
        self, call: _Call, answer: Answer, message: InstructionResult, seen: PinnedObservation
    ) -> None:
        frame, camera = seen.observation.image, seen.observation.camera
        assert frame is not None, "answers without a picture are not drawn"
        try:
            self._publishers.publish_drawing(
                frame, call.request.instruction, answer, message.header, camera
            )
        except Exception:  # of any drawing: the caller has the answer already
            self._node.get_logger().error(traceback.format_exc())


class _Countdown:
    """Calls `last` at the n-th call; any thread."""

    def __init__(self, calls: int, last: Callable[[], None]) -> None:
        self._left = calls
        self._last = last
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._left -= 1
            over = self._left == 0
        if over:
            self._last()


def _expect_frame(task: Task, seen: PinnedObservation) -> None:
    """InstructionError TF_ERROR if nobody could tell where what the task gives lies."""
    image = seen.observation.image
    if "detections_3d" in task.outputs and image is not None and not image.frame_id:
        raise InstructionError(
            ErrorCode.TF_ERROR,
            f"the picture has no frame_id and task {task.name!r} gives poses in the picture's "
            "frame; have the camera's driver name its optical frame",
        )


def _header(seen: PinnedObservation) -> Header:
    """That of the picture; empty without call."""
    frame = seen.observation.image
    if frame is None:
        return Header()
    return Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id)


def _send_feedback(goal: ServerGoalHandle, call: _Call, progress: Progress) -> None:
    goal.publish_feedback(
        InstructAction.Feedback(
            stage=progress.stage.value,
            text=progress.text,
            tokens=progress.tokens,
            elapsed=time.monotonic() - call.arrived,
        )
    )


def _conclude(goal: ServerGoalHandle, error_code: int) -> None:
    """Succeeded, canceled on request, or aborted."""
    if error_code == ErrorCode.NONE:
        goal.succeed()
    elif error_code == ErrorCode.CANCELED and goal.is_cancel_requested:
        goal.canceled()
    else:
        goal.abort()
