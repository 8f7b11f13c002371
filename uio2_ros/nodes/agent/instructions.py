"""The `~/instruct` service and action, and `~/instruct_about`: one implementation, three ways.

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
from dataclasses import dataclass, replace
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Header

from uio2_ros.action import Instruct as InstructAction
from uio2_ros.action import InstructAbout
from uio2_ros.messages.answers import result_message, timings_message
from uio2_ros.messages.instructions import instruction_of
from uio2_ros.messages.located import located_message
from uio2_ros.messages.stamps import time_message
from uio2_ros.msg import InstructionResult
from uio2_ros.nodes.agent.call import CallUnderWay, OnAnswer, conclude
from uio2_ros.nodes.agent.idle_work import IdleWork
from uio2_ros.nodes.agent.observations import Observations, PinnedObservation
from uio2_ros.nodes.agent.publishers import AnswerPublishers
from uio2_ros.nodes.agent.surroundings import Surroundings
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import Stopwatch
from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.observation import Observation
from uio2_ros.serving import Answerer
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
    surroundings: Surroundings | None = None
    """None where the agent takes no depth and remembers nothing."""

    def time_for(self, task: Task) -> float:
        """Seconds its answer may take where the request does not say."""
        return self.picture_timeout_s if task.makes_media else self.timeout_s


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
        self._open: set[CallUnderWay] = set()
        self._replying = 0  # changed on the spinning thread
        self._of_goal: dict[bytes, CallUnderWay] = {}  # the spinning thread's
        self.latency = Stopwatch()
        """Of answers, from the request's arrival."""
        self.overhead = Stopwatch()
        """The part of it that was not spent in the queue or the model."""
        group = ReentrantCallbackGroup()
        node.create_service(InstructService, "~/instruct", self._on_request, callback_group=group)
        self._servers = tuple(
            ActionServer(
                node,
                kind,
                name,
                functools.partial(self._on_goal, kind),
                cancel_callback=self._on_cancel,
                callback_group=group,
            )
            for kind, name in ((InstructAction, "~/instruct"), (InstructAbout, "~/instruct_about"))
        )

    def cancel_all(self, because: str) -> None:
        """Cancels whatever is on its way, and says why. Any thread."""
        with self._lock:
            under_way = tuple(self._open)
        for call in under_way:
            call.cancel(because)

    def ask_standing(
        self, request: Any, on_answer: OnAnswer, hushed: frozenset[int]
    ) -> CallUnderWay:
        """Asks for a standing instruction: `follow_up` its call when there is a result."""
        call = CallUnderWay(request, on_answer=on_answer, hushed=hushed)
        self._ask(call)
        return call

    def follow_up(self, call: CallUnderWay) -> None:
        """Lets the topics tell the result of a call. Any thread."""
        if call.afterwards is not None:
            self._pool.submit(call.afterwards)

    @property
    def replying(self) -> bool:
        """Whether a caller has no reply yet, standing instructions aside. Any thread."""
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
        call = CallUnderWay(request)
        response.result = await self._reply(call)
        self._go_on(call)
        return response

    async def _on_goal(self, kind: Any, goal: ServerGoalHandle) -> Any:
        """A goal of either action, whose results and feedback have the same fields."""
        call = CallUnderWay(goal.request)
        call.on_progress = functools.partial(_send_feedback, kind, goal, call)
        key = bytes(goal.goal_id.uuid)
        self._of_goal[key] = call
        if goal.is_cancel_requested:
            call.cancel()
        result = await self._reply(call)
        del self._of_goal[key]
        self._go_on(call)
        conclude(goal, result.error_code)
        return kind.Result(result=result)

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        call = self._of_goal.get(bytes(goal.goal_id.uuid))
        if call is not None:
            call.cancel()
        return CancelResponse.ACCEPT

    async def _reply(self, call: CallUnderWay) -> InstructionResult:
        self._replying += 1
        self._on_work()
        try:
            return await result_of(self._ask(call), self._node)
        finally:
            self._replying -= 1

    def _go_on(self, call: CallUnderWay) -> None:
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

    def _ask(self, call: CallUnderWay) -> Future[InstructionResult]:
        with self._lock:
            self._open.add(call)
        call.result.add_done_callback(lambda _: self._forget(call))
        self._pool.submit(self._prepare, call)
        return call.result

    def _forget(self, call: CallUnderWay) -> None:
        with self._lock:
            self._open.discard(call)

    # On the threads of the pool.

    def _prepare(self, call: CallUnderWay) -> None:
        """Checks the request, takes the pictures and hands both to the model."""
        try:
            with self._drawings.undisturbed():
                self._submit(call)
        except InstructionError as error:
            self._refuse(call, error.code, error.message)
        except Exception as error:  # whatever it is, the caller gets an answer
            self._node.get_logger().error(traceback.format_exc())
            self._refuse(call, ErrorCode.UNKNOWN, f"{type(error).__name__}: {error}; see the log")

    def _refuse(self, call: CallUnderWay, code: ErrorCode, message: str) -> None:
        answer = call.timed(Answer.failed(code, message, call.request.task))
        result = result_message(answer, call.request.instruction, Header())
        call.afterwards = functools.partial(self._publish, call, answer, result)
        call.result.set_result(result)

    def _submit(self, call: CallUnderWay) -> None:
        instruction = instruction_of(call.request)
        ready = self._ready()
        task = task_named(instruction.task, ready.answerer.status().model.family or DEFAULT_FAMILY)
        timeout_s = call.request.timeout or ready.time_for(task)
        seen = _observed(call, task, ready)
        release = _Countdown(2, seen.snapshot.release)
        try:
            _expect_frame(task, seen)
        except InstructionError:
            seen.snapshot.release()
            raise
        if ready.surroundings is not None and not call.brings_picture:
            call.depth = ready.surroundings.expect(seen.observation)
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
        call: CallUnderWay,
        answer: Answer,
        ready: Ready,
        seen: PinnedObservation,
        release: _Countdown,
    ) -> None:
        """Makes the result; what goes to topics and the drawing come after the reply."""
        try:
            answer = self._complete(call, answer, ready)
            answer = self._locate(call, answer, ready, seen)
            if call.on_answer is not None and not answer.error_code:
                answer = call.on_answer(answer, _stamp_ns(seen))
            message = result_message(answer, call.request.instruction, _header(seen))
            if call.sighting is not None:
                message.located = located_message(call.sighting.located, message.header)
            if not call.brings_picture:
                ready.observations.remember(seen, answer)
            answer = call.timed(answer)
            message.timings = timings_message(answer.timings)
            if call.on_answer is None:
                self._count(answer)
        except Exception as error:  # whatever it is, the caller gets an answer
            release()
            self._node.get_logger().error(traceback.format_exc())
            problem = f"{type(error).__name__}: {error}; see the log"
            self._refuse(call, ErrorCode.UNKNOWN, problem)
            return
        shows = seen.observation.image is not None and not call.brings_picture
        draws = ready.draws and shows and not answer.error_code
        call.afterwards = functools.partial(
            self._follow_up, call, answer, message, ready, seen, release, draws=draws
        )
        call.result.set_result(message)

    def _complete(self, call: CallUnderWay, answer: Answer, ready: Ready) -> Answer:
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

    def _locate(
        self, call: CallUnderWay, answer: Answer, ready: Ready, seen: PinnedObservation
    ) -> Answer:
        """With what it says of space put right by the depth, and `sighting` filled."""
        if ready.surroundings is None or call.brings_picture:
            return answer
        answer, call.sighting = ready.surroundings.locate(
            TASKS[call.request.task], answer, seen.observation, call.depth
        )
        return answer

    def _count(self, answer: Answer) -> None:
        if answer.error_code is ErrorCode.NONE:
            timings = answer.timings
            inside_s = timings.queue + timings.preprocess + timings.encode + timings.decode
            self.latency.add(timings.total)
            self.overhead.add(max(0.0, timings.total - inside_s))

    def _follow_up(
        self,
        call: CallUnderWay,
        answer: Answer,
        message: InstructionResult,
        ready: Ready,
        seen: PinnedObservation,
        release: _Countdown,
        *,
        draws: bool,
    ) -> None:
        """Topics now, then the memory, the drawing when nobody is disturbed by it."""
        self._publish(call, answer, message, seen.observation)
        self._remember(call, ready, seen.observation)
        if draws:
            draw = functools.partial(self._draw, call, answer, message, seen)
            self._drawings.give(draw, release)
        else:
            release()

    def _publish(
        self,
        call: CallUnderWay,
        answer: Answer,
        message: InstructionResult,
        observation: Observation | None = None,
    ) -> None:
        if message.error_code in call.hushed:
            return
        camera = None if observation is None else observation.camera
        try:
            if call.brings_picture:
                self._publishers.publish_result(message)
                return
            outputs = () if answer.error_code else TASKS[call.request.task].outputs
            self._publishers.publish(answer, message, outputs, camera)
            if observation is not None:
                self._publishers.publish_asked(call.request, observation, message)
        except Exception:  # of any message: the caller has the answer already
            self._node.get_logger().error(traceback.format_exc())

    def _remember(self, call: CallUnderWay, ready: Ready, observation: Observation) -> None:
        if ready.surroundings is None or call.sighting is None:
            return
        try:
            ready.surroundings.remember(instruction_of(call.request), observation, call.sighting)
        except Exception:  # of any answer: the caller has it already
            self._node.get_logger().error(traceback.format_exc())

    def _draw(
        self,
        call: CallUnderWay,
        answer: Answer,
        message: InstructionResult,
        seen: PinnedObservation,
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


def _observed(call: CallUnderWay, task: Task, ready: Ready) -> PinnedObservation:
    """What the instruction is about. InstructionError."""
    if call.brings_picture:
        return ready.observations.observe_sent(task, call.request.picture)
    return ready.observations.observe(task, call.request.max_age or ready.max_age_s)


def _expect_frame(task: Task, seen: PinnedObservation) -> None:
    """InstructionError TF_ERROR if nobody could tell where what the task gives lies."""
    image = seen.observation.image
    if "detections_3d" in task.outputs and image is not None and not image.frame_id:
        raise InstructionError(
            ErrorCode.TF_ERROR,
            f"the picture has no frame_id and task {task.name!r} gives poses in the picture's "
            "frame; have the camera's driver name its optical frame",
        )


def _stamp_ns(seen: PinnedObservation) -> int:
    """That of the picture; 0 without one."""
    return 0 if seen.observation.image is None else seen.observation.image.stamp_ns


def _header(seen: PinnedObservation) -> Header:
    """That of the picture; empty without one."""
    frame = seen.observation.image
    if frame is None:
        return Header()
    return Header(stamp=time_message(frame.stamp_ns), frame_id=frame.frame_id)


def _send_feedback(
    kind: Any, goal: ServerGoalHandle, call: CallUnderWay, progress: Progress
) -> None:
    goal.publish_feedback(
        kind.Feedback(
            stage=progress.stage.value,
            text=progress.text,
            tokens=progress.tokens,
            elapsed=time.monotonic() - call.arrived,
        )
    )
