"""The `~/watch` action: standing instructions, several at once.

They are asked one at a time on a thread of their own, the one that is due longest first, and only
while nobody waits for an answer to what was asked once: an answer under way is given up for that,
and asked for again. So instructions and plans take as long as they do without.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import threading
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from uio2_ros.action import Watch as WatchAction
from uio2_ros.messages.standing_instructions import standing_of
from uio2_ros.msg import InstructionResult
from uio2_ros.nodes.agent.call import CallUnderWay, conclude
from uio2_ros.nodes.agent.instructions import Instructions, Ready
from uio2_ros.nodes.deferred import result_of
from uio2_ros.nodes.diagnostics import status_message
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.standing_instruction import Until
from uio2_ros.tasks.registry import task_named
from uio2_ros.tasks.task import DEFAULT_FAMILY
from uio2_ros.watching.watch import Watch

MOST = 16
"""Standing instructions at once; BUSY beyond."""
PICTURE_PERIOD_S = 0.01
"""How often one that is due looks for a new picture."""
NO_TRACKER = (
    "objects of standing instructions have no ids: install the tracker with pip install "
    "norfair-enough"
)


@dataclass(eq=False)
class _Turn:
    """A goal and its watch."""

    goal: ServerGoalHandle
    watch: Watch
    number: int
    ended: Future[WatchAction.Result] = field(default_factory=Future)
    last: InstructionResult | None = None
    """The last answer that did not fail."""
    failing: int = ErrorCode.NONE
    """The error code of the failures since."""
    is_met: bool = False

    def on_answer(self, answer: Answer, stamp_ns: int) -> Answer:
        """Takes an answer, before it becomes a message."""
        followed, self.is_met = self.watch.answered(answer, stamp_ns, time.monotonic())
        return followed

    @property
    def hushed(self) -> frozenset[int]:
        """What topics are not told: that an answer was given up, and the same failure again."""
        return frozenset({int(ErrorCode.CANCELED), self.failing} - {int(ErrorCode.NONE)})


class Watches:
    """Create it with the node, `close` it at the end, before the instructions."""

    def __init__(
        self,
        node: Node,
        ready: Callable[[], Ready],
        newest_ns: Callable[[], int | None],
        instructions: Instructions,
    ) -> None:
        """`ready` as for `Instructions`; `newest_ns` tells the stamp of the newest picture."""
        self._node = node
        self._ready = ready
        self._newest_ns = newest_ns
        self._instructions = instructions
        self._changed = threading.Condition()  # guards what follows
        self._turns: list[_Turn] = []
        self._current: tuple[_Turn, CallUnderWay] | None = None
        self._count = 0
        self._closed = False
        self._replying = 0  # changed on the spinning thread
        self._server = ActionServer(
            node,
            WatchAction,
            "~/watch",
            self._on_goal,
            cancel_callback=self._on_cancel,
            callback_group=ReentrantCallbackGroup(),
        )
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        self._thread.start()

    # Any thread.

    @property
    def replying(self) -> bool:
        """Whether the end of a standing instruction has not been told yet."""
        return self._replying > 0

    def cancel_all(self, because: str) -> None:
        """Ends all standing instructions, and says why."""
        with self._changed:
            for turn in tuple(self._turns):
                self._end(turn, ErrorCode.CANCELED, because)

    def on_work(self) -> None:
        """Instructions came or went: what is asked once goes first."""
        with self._changed:
            if self._instructions.replying and self._current is not None:
                turn, call = self._current
                if turn.watch.may_be_interrupted:
                    call.cancel()
            self._changed.notify_all()

    def close(self) -> None:
        """Ends the thread; the model must be stopped already."""
        self.cancel_all("the agent is shutting down")
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def status(self, name: str) -> DiagnosticStatus | None:
        """The rates reached against those asked; None while there never was a watch."""
        with self._changed:
            turns, count = tuple(self._turns), self._count
        if not count:
            return None
        now_s = time.monotonic()
        readings = {"standing instructions": str(len(turns))}
        for turn in turns:
            readings |= _readings(turn, now_s)
        problems = [problem for turn in turns if (problem := turn.watch.problem(now_s))]
        if turns and not _tracker_is_there():
            problems.append(NO_TRACKER)
        return status_message(name, "; ".join(problems), readings)

    # On the thread that spins the node.

    async def _on_goal(self, goal: ServerGoalHandle) -> WatchAction.Result:
        try:
            turn = self._begin(goal)
        except InstructionError as error:
            failed = InstructionResult(error_code=int(error.code), error_msg=error.message)
            goal.abort()
            return WatchAction.Result(result=failed)
        if goal.is_cancel_requested:
            self._on_cancel(goal)
        self._replying += 1
        try:
            result = await result_of(turn.ended, self._node)
        finally:
            self._replying -= 1
        conclude(goal, result.result.error_code)
        return result

    def _begin(self, goal: ServerGoalHandle) -> _Turn:
        standing, ready = standing_of(goal.request), self._ready()
        family = ready.answerer.status().model.family or DEFAULT_FAMILY
        task = task_named(standing.instruction.task, family)
        watch = Watch(standing, task, time.monotonic(), _following())
        with self._changed:
            if len(self._turns) >= MOST:
                raise InstructionError(
                    ErrorCode.BUSY, f"there are {MOST} standing instructions already; end one"
                )
            self._count += 1
            turn = _Turn(goal, watch, self._count)
            self._turns.append(turn)
            self._changed.notify_all()
        return turn

    def _on_cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        with self._changed:
            for turn in tuple(self._turns):
                if turn.goal.goal_id == goal.goal_id:
                    self._end(turn, ErrorCode.CANCELED, "the standing instruction was cancelled")
        return CancelResponse.ACCEPT

    # On the thread of the watches.

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now_s = time.monotonic()
                self._end_expired(now_s)
                turn = self._next(now_s)
                if turn is None:
                    self._changed.wait(self._pause_s(now_s))
                    continue
                turn.watch.asked(now_s)
                call = self._instructions.ask_standing(
                    turn.goal.request, turn.on_answer, turn.hushed
                )
                self._current = turn, call
            self._await(call)
            self._take(turn, call)

    def _next(self, now_s: float) -> _Turn | None:
        """Whose question is due; None while somebody waits who asked once."""
        if self._instructions.replying or not self._turns:
            return None
        newest_ns = self._newest_ns()
        due = [turn for turn in self._turns if turn.watch.is_due(newest_ns, now_s)]
        return min(due, key=lambda turn: turn.watch.due_s, default=None)

    def _pause_s(self, now_s: float) -> float | None:
        """How long there is nothing to do, unless something changes; None: for ever."""
        ends_s = [turn.watch.end_s for turn in self._turns]
        if not self._instructions.replying:
            dues_s = (turn.watch.due_s for turn in self._turns)
            ends_s += [max(due_s, now_s + PICTURE_PERIOD_S) for due_s in dues_s]
        until_s = min(ends_s, default=math.inf)
        return None if math.isinf(until_s) else max(0.0, until_s - now_s)

    def _await(self, call: CallUnderWay) -> None:
        """Waits for the result of a call; what is over meanwhile ends."""
        while not call.result.done():
            with self._changed:
                now_s = time.monotonic()
                self._end_expired(now_s)
                end_s = min((turn.watch.end_s for turn in self._turns), default=math.inf)
            futures.wait([call.result], None if math.isinf(end_s) else max(0.0, end_s - now_s))

    def _take(self, turn: _Turn, call: CallUnderWay) -> None:
        """What a result means for its standing instruction."""
        result, now_s = call.result.result(), time.monotonic()
        with self._changed:
            self._current = None
            over = turn.ended.done()
        self._instructions.follow_up(call)
        if over:
            return
        if result.error_code == ErrorCode.CANCELED:
            turn.watch.interrupted()
            return
        is_final = turn.is_met
        if result.error_code:
            is_final = turn.watch.failed(ErrorCode.of(result.error_code), now_s)
        else:
            turn.last = result
        turn.failing = result.error_code
        turn.goal.publish_feedback(WatchAction.Feedback(result=result, **_counts(turn, now_s)))
        if is_final:
            with self._changed:
                self._conclude(turn, result)

    # With the lock.

    def _end_expired(self, now_s: float) -> None:
        for turn in tuple(self._turns):
            if now_s >= turn.watch.end_s:
                self._expire(turn)

    def _expire(self, turn: _Turn) -> None:
        if turn.watch.standing.until is Until.FOREVER and turn.last is not None:
            self._conclude(turn, turn.last)
        else:
            self._end(turn, ErrorCode.TIMEOUT, turn.watch.expired())

    def _end(self, turn: _Turn, code: ErrorCode, message: str) -> None:
        """Ends one without an answer."""
        self._conclude(turn, InstructionResult(error_code=int(code), error_msg=message))

    def _conclude(self, turn: _Turn, result: InstructionResult) -> None:
        """Ends one with its result, once."""
        if turn not in self._turns:
            return
        self._turns.remove(turn)
        now_s = time.monotonic()
        turn.ended.set_result(WatchAction.Result(result=result, **_counts(turn, now_s)))
        if self._current is not None and self._current[0] is turn:
            self._current[1].cancel()
        self._changed.notify_all()


def _counts(turn: _Turn, now_s: float) -> dict[str, float]:
    """The fields that result and feedback share."""
    watch = turn.watch
    return {
        "answers": watch.answers,
        "failures": watch.failures,
        "rate": watch.reached_hz(now_s),
    }


def _readings(turn: _Turn, now_s: float) -> dict[str, str]:
    standing, watch = turn.watch.standing, turn.watch
    asked = f"{standing.rate_hz:g}" if standing.rate_hz else "every picture"
    name = f"{turn.number} {standing.instruction.task} {standing.instruction.instruction!r}"
    return {
        f"{name}: asked (Hz)": asked,
        f"{name}: reached (Hz)": f"{watch.reached_hz(now_s):.2f}",
        f"{name}: answers": str(watch.answers),
        f"{name}: failures": str(watch.failures),
        f"{name}: given up for others": str(watch.interruptions),
    }


@functools.cache
def _tracker_is_there() -> bool:
    return importlib.util.find_spec("norfair") is not None


def _following() -> Callable[[Answer], Answer]:
    """What gives objects their ids; loaded with the first answer, which takes a second."""

    @functools.cache
    def tracks() -> Callable[[Answer], Answer]:
        from uio2_ros.watching.object_tracks import ObjectTracks

        return ObjectTracks().followed

    if not _tracker_is_there():
        return lambda answer: answer
    return lambda answer: tracks()(answer)
