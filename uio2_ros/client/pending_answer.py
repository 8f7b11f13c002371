"""An instruction on its way: a future that can be awaited, watched and cancelled."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from uio2_ros.client.action_goal import ActionGoal
from uio2_ros.client.failures import AgentError, AgentTimeoutError, AgentUnavailableError
from uio2_ros.client.interruptible_future import InterruptibleFuture
from uio2_ros.msg import InstructionResult
from uio2_ros.robot.answer import Progress
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError

GRACE_S = 1.0
"""How much longer than the request's own timeout a client waits for the agent to say so."""

T = TypeVar("T")


OnProgress = Callable[[Progress], None]


class PendingAnswer(InterruptibleFuture[T]):
    """A `concurrent.futures.Future` of an answer. Every method may be called from any thread.

    `await pending` works in asyncio; cancelling the awaiting task cancels the instruction. In a
    coroutine callback of rclpy, `await result_of(pending, node)` of `uio2_ros.nodes.deferred`.
    """

    def __init__(
        self,
        read: Callable[[InstructionResult], T],
        agent: str,
        timeout_s: float,
        waits_for_itself: Callable[[], bool],
    ) -> None:
        """`read` makes the outcome of a result; `waits_for_itself` tells on which thread waiting
        would never end. timeout_s: the request's own, 0 for none."""
        super().__init__()
        self.set_running_or_notify_cancel()
        self._read = read
        self._agent = agent
        self._waits_for_itself = waits_for_itself
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s + GRACE_S if timeout_s else None
        self.goal: ActionGoal | None = None
        """What is on its way to the agent; for the client."""
        self._lock = threading.Lock()  # guards the one below
        self._is_over = False
        self.progress: Progress | None = None
        """The newest feedback; None before the first."""

    def cancel(self) -> bool:
        """Asks the agent to stop at its next token; the answer then is AgentError CANCELED.

        Whether that may still have an effect. Returns at once.
        """
        if self._is_over:
            return False
        if self.goal is not None:
            self.goal.cancel()
        return True

    def cancel_and_wait(self, timeout_s: float) -> None:
        """Cancels, and returns once the agent has stopped or `timeout_s` is over."""
        self.cancel()
        self.wait(timeout_s)

    def result(self, timeout: float | None = None) -> T:
        """Waits for the answer.

        AgentError with the agent's code if it failed, AgentUnavailableError if the agent went
        away, AgentTimeoutError if `timeout` seconds are over; the instruction then goes on.
        """
        self._check_thread()
        if not self.wait(timeout):
            raise AgentTimeoutError(
                f"{self._agent} has not answered within {timeout} s; wait longer, or cancel it"
            )
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What `result` would raise, waiting like it; None for an answer."""
        self._check_thread()
        return super().exception(timeout)

    def __await__(self) -> Generator[Any, None, T]:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                "a pending answer can be awaited in asyncio; in a callback of rclpy await "
                "uio2_ros.nodes.deferred.result_of(pending, node)"
            ) from None
        return asyncio.wrap_future(self).__await__()

    def _check_thread(self) -> None:
        if not self.done() and self._waits_for_itself():
            raise RuntimeError(
                "this is the thread that receives the answer, so waiting for it here would never "
                "end; use add_done_callback, or wait in another thread"
            )

    # Called by the client, on the thread that spins and by whoever closes it.

    def answered(self, result: InstructionResult) -> None:
        """The agent has answered; without effect once there is an outcome."""
        if result.error_code != ErrorCode.NONE:
            self.failed(AgentError(ErrorCode.of(result.error_code), result.error_msg))
            return
        try:
            value = self._read(result)
        except InstructionError as error:  # of who reads the part that matters
            self.failed(AgentError(error.code, error.message))
            return
        except (InvalidInputError, ValueError) as error:
            self.failed(error)
            return
        self._complete(lambda: self.set_result(value))

    def failed(self, error: Exception) -> None:
        """There will be no answer; without effect once there is an outcome."""
        self._complete(lambda: self.set_exception(error))

    def watch(self, is_reachable: Callable[[], bool]) -> None:
        """Gives up if the agent is gone or the time is over; looks after lost replies."""
        if not is_reachable():
            self.failed(AgentUnavailableError(f"{self._agent} went away before it answered"))
        elif self._end_s is not None and time.monotonic() > self._end_s:
            self.cancel()
            self.failed(
                AgentTimeoutError(
                    f"{self._agent} has not answered within {self._timeout_s:g} s, "
                    "nor said why; is it stopped or overloaded? Its log may tell"
                )
            )
        elif self.goal is not None:
            self.goal.look()

    def _complete(self, complete: Callable[[], None]) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        complete()  # without the lock: callbacks of the future may call anything
