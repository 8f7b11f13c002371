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
from uio2_ros.messages.answers import result_message
from uio2_ros.messages.instructions import instruction_of
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import InstructionResult
from uio2_ros.nodes.agent.idle_work import IdleWork
from uio2_ros.nodes.agent.publishers import AnswerPublishers
from uio2_ros.nodes.agent.senses import Senses, Sight
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import Stopwatch
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.serving import ModelProcess, Ticket
from uio2_ros.srv import Instruct as InstructService
from uio2_ros.tasks.registry import task_named
from uio2_ros.tasks.task import Task

THREADS = 2
"""One prepares while the other finishes."""

OnProgress = Callable[[Stage, str, int], None]


@dataclass(frozen=True)
class Ready:
    """What answering needs; the agent has it while it is active."""

    model: ModelProcess
    senses: Senses
    max_age_s: float
    timeout_s: float
    picture_timeout_s: float
    draws: bool

    def time_for(self, task: Task) -> float:
        """Seconds its answer may take where the request does not say."""
        return self.picture_timeout_s if task.makes_media else self.timeout_s


@dataclass(eq=False)
class _Asked:
    """A request on its way to its result."""

    request: Any
    on_progress: OnProgress | None = None
    arrived: float = field(default_factory=time.perf_counter)
    result: Future[InstructionResult] = field(default_factory=Future)
    afterwards: Callable[[], None] | None = None
    """What is left to do once the caller has the result; set before the result is."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ticket: Ticket | None = None
    _canceled: bool = False

    def cancel(self) -> None:
        """Asks for an end, now or once the model has the instruction. Any thread."""
        with self._lock:
            self._canceled = True
            if self._ticket is not None:
                self._ticket.cancel()

    def is_with_model(self, ticket: Ticket) -> None:
        """The model has it."""
        with self._lock:
            self._ticket = ticket
            if self._canceled:
                ticket.cancel()

    @property
    def age_s(self) -> float:
        return time.perf_counter() - self.arrived


class Instructions:
    """Answers instructions; create one with the node, `close` it at the end."""

    def __init__(
        self, node: Node, ready: Callable[[], Ready], publishers: AnswerPublishers
    ) -> None:
        """`ready` gives what answering needs, or raises InstructionError MODEL_NOT_READY."""
        self._node = node
        self._ready = ready
        self._publishers = publishers
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="instructions")
        self._drawings = IdleWork()
        self._lock = threading.Lock()  # guards `_open`
        self._open: set[_Asked] = set()
        self._of_goal: dict[bytes, _Asked] = {}  # the spinning thread's
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

    def cancel_all(self) -> None:
        """Cancels whatever is on its way. Any thread."""
        with self._lock:
            for asked in self._open:
                asked.cancel()

    def close(self) -> None:
        """Cancels everything and ends the threads; the model must be stopped already."""
        self.cancel_all()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._drawings.close()

    # On the thread that spins the node.

    async def _on_request(
        self, request: InstructService.Request, response: InstructService.Response
    ) -> InstructService.Response:
        asked = _Asked(request)
        response.result = await result_of(self._ask(asked), self._node)
        self._go_on(asked)
        return response

    async def _on_goal(self, goal: ServerGoalHandle) -> InstructAction.Result:
        asked = _Asked(goal.request)
        asked.on_progress = functools.partial(_send_feedback, goal, asked)
        key = bytes(goal.goal_id.uuid)
        self._of_goal[key] = asked
        if goal.is_cancel_requested:
            asked.cancel()
        result = await result_of(self._ask(asked), self._node)
        del self._of_goal[key]
        self._go_on(asked)
        _conclude(goal, result.error_code)
        return InstructAction.Result(result=result)

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        asked = self._of_goal.get(bytes(goal.goal_id.uuid))
        if asked is not None:
            asked.cancel()
        return CancelResponse.ACCEPT

    def _go_on(self, asked: _Asked) -> None:
        """Starts what comes after the reply: the reply does not wait for topics and drawing.

        The executor takes this task up when it has sent what the coroutine is about to return;
        started at once, the work would compete with the sending for the interpreter.
        """
        executor = self._node.executor
        if asked.afterwards is not None and executor is not None:
            executor.create_task(self._pool.submit, asked.afterwards)

    def _ask(self, asked: _Asked) -> Future[InstructionResult]:
        with self._lock:
            self._open.add(asked)
        asked.result.add_done_callback(lambda _: self._forget(asked))
        self._pool.submit(self._prepare, asked)
        return asked.result

    def _forget(self, asked: _Asked) -> None:
        with self._lock:
            self._open.discard(asked)

    # On the threads of the pool.

    def _prepare(self, asked: _Asked) -> None:
        """Checks the request, takes the pictures and hands both to the model."""
        try:
            with self._drawings.undisturbed():
                self._submit(asked)
        except InstructionError as error:
            self._refuse(asked, error.code, error.message)
        except Exception as error:  # whatever it is, the caller gets an answer
            self._node.get_logger().error(traceback.format_exc())
            self._refuse(asked, ErrorCode.UNKNOWN, f"{type(error).__name__}: {error}; see the log")

    def _refuse(self, asked: _Asked, code: ErrorCode, message: str) -> None:
        answer = Answer.failed(code, message, asked.request.task).timed(total=asked.age_s)
        result = result_message(answer, asked.request.instruction, Header())
        asked.afterwards = functools.partial(self._publish, asked, answer, result)
        asked.result.set_result(result)

    def _submit(self, asked: _Asked) -> None:
        instruction = instruction_of(asked.request)
        task = task_named(instruction.task)
        ready = self._ready()
        timeout_s = asked.request.timeout or ready.time_for(task)
        sight = ready.senses.observe(task, asked.request.max_age or ready.max_age_s)
        release = _Countdown(2, sight.snapshot.release)

        def on_done(answer: Answer) -> None:
            self._pool.submit(self._finish, asked, answer, ready, sight, release)

        left_s = timeout_s - asked.age_s
        try:
            _expect_frame(task, sight)
            _expect_time(left_s, timeout_s)
        except InstructionError:
            sight.snapshot.release()
            raise
        ticket = ready.model.submit(
            instruction,
            sight.observation,
            timeout_s=left_s,
            on_progress=asked.on_progress,
            on_done=on_done,
            on_released=release,
        )
        asked.is_with_model(ticket)

    def _finish(
        self, asked: _Asked, answer: Answer, ready: Ready, sight: Sight, release: _Countdown
    ) -> None:
        """Makes the result; what goes to topics and the drawing come after the reply."""
        try:
            answer = self._complete(asked, answer, ready)
            message = result_message(answer, asked.request.instruction, _header(sight))
            ready.senses.remember(sight, answer)
            self._stop_clock(asked, message)
        except Exception as error:  # whatever it is, the caller gets an answer
            release()
            self._node.get_logger().error(traceback.format_exc())
            problem = f"{type(error).__name__}: {error}; see the log"
            self._refuse(asked, ErrorCode.UNKNOWN, problem)
            return
        draws = ready.draws and sight.observation.image is not None and not answer.error_code
        asked.afterwards = functools.partial(
            self._follow_up, asked, answer, message, sight, release, draws=draws
        )
        asked.result.set_result(message)

    def _complete(self, asked: _Asked, answer: Answer, ready: Ready) -> Answer:
        """With the model's name also where the model had no say, as in a failed answer."""
        status = ready.model.status()
        return replace(
            answer,
            task=answer.task or asked.request.task,
            model=answer.model or status.model.name,
            synthetic_weights=answer.synthetic_weights or status.model.synthetic_weights,
        ).timed(total=asked.age_s)

    def _stop_clock(self, asked: _Asked, message: InstructionResult) -> None:
        timings = message.timings
        before_s, timings.total = timings.total, asked.age_s
        timings.postprocess += timings.total - before_s
        if not message.error_code:
            inside_s = timings.queue + timings.preprocess + timings.encode + timings.decode
            self.latency.add(timings.total)
            self.overhead.add(max(0.0, timings.total - inside_s))

    def _follow_up(
        self,
        asked: _Asked,
        answer: Answer,
        message: InstructionResult,
        sight: Sight,
        release: _Countdown,
        *,
        draws: bool,
    ) -> None:
        """Topics now, the drawing when nobody is disturbed by it."""
        answer = answer.timed(total=message.timings.total)
        self._publish(asked, answer, message, sight.observation)
        if draws:
            draw = functools.partial(self._draw, asked, answer, message, sight)
            self._drawings.give(draw, release)
        else:
            release()

    def _publish(
        self,
        asked: _Asked,
        answer: Answer,
        message: InstructionResult,
        observation: Observation | None = None,
    ) -> None:
        camera = None if observation is None else observation.camera
        try:
            outputs = () if answer.error_code else task_named(asked.request.task).outputs
            self._publishers.publish(answer, message, outputs, camera)
            if observation is not None:
                self._publishers.publish_asked(asked.request, observation, message)
        except Exception:  # of any message: the caller has the answer already
            self._node.get_logger().error(traceback.format_exc())

    def _draw(
        self, asked: _Asked, answer: Answer, message: InstructionResult, sight: Sight
    ) -> None:
        frame, camera = sight.observation.image, sight.observation.camera
        assert frame is not None, "answers without a picture are not drawn"
        try:
            self._publishers.publish_drawing(
                frame, asked.request.instruction, answer, message.header, camera
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


def _expect_frame(task: Task, sight: Sight) -> None:
    """InstructionError TF_ERROR if nobody could tell where what the task gives lies."""
    image = sight.observation.image
    if "detections_3d" in task.outputs and image is not None and not image.frame_id:
        raise InstructionError(
            ErrorCode.TF_ERROR,
            f"the picture has no frame_id and task {task.name!r} gives poses in the picture's "
            "frame; have the camera's driver name its optical frame",
        )


def _expect_time(left_s: float, timeout_s: float) -> None:
    if left_s <= 0:
        raise InstructionError(
            ErrorCode.TIMEOUT,
            f"the timeout of {timeout_s:g} s was over before the model was asked; give more",
        )


def _header(sight: Sight) -> Header:
    """That of the picture; empty without one."""
    frame = sight.observation.image
    if frame is None:
        return Header()
    return Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id)


def _send_feedback(
    goal: ServerGoalHandle, asked: _Asked, stage: Stage, text: str, tokens: int
) -> None:
    goal.publish_feedback(
        InstructAction.Feedback(stage=stage.value, text=text, tokens=tokens, elapsed=asked.age_s)
    )


def _conclude(goal: ServerGoalHandle, error_code: int) -> None:
    """Succeeded, canceled on request, or aborted."""
    if error_code == ErrorCode.NONE:
        goal.succeed()
    elif error_code == ErrorCode.CANCELED and goal.is_cancel_requested:
        goal.canceled()
    else:
        goal.abort()
