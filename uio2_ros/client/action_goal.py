"""One goal of an action, from its sending to its result. rclpy."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Time
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from unique_identifier_msgs.msg import UUID

from uio2_ros.client.spinner import Spinner

REPLY_S = 5.0
"""A reply that is missing for so long is asked for anew."""
ENDED = (GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_CANCELED, GoalStatus.STATUS_ABORTED)


class ActionGoal:
    """A goal that is sent and cancelled from any thread; its callbacks are called on the spinner's.

    That thread does all that is asked of rclpy, too. rclpy 7 (Jazzy) asks first and then notes,
    without a lock, what it awaits: a reply that another thread takes in between is thrown away,
    and its goal can be neither awaited nor cancelled any more. Ctrl-C, which interrupts the main
    thread anywhere, would do the same in every version.

    Replies get lost on their way, too: Fast DDS drops the reply of a server that has not yet
    discovered the client's reader, which a busy machine makes likely for the first call of a new
    process. `look` then asks for the result by the goal's id, which servers take at any time and
    any number of times.
    """

    def __init__(
        self,
        spinner: Spinner,
        client: ActionClient,
        message: Any,
        *,
        on_feedback: Callable[[Any], None],
        on_result: Callable[[Any], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """on_result: takes the response of the result's service; on_failure: why there is none."""
        self._spinner = spinner
        self._client = client
        self._message = message
        self._on_feedback = on_feedback
        self._on_result = on_result
        self._on_failure = on_failure
        self._id = UUID(uuid=list(uuid.uuid4().bytes))
        self._handle: ClientGoalHandle | None = None
        self._is_replied = False
        self._is_over = False
        self._missed_s: float | None = None
        """When a reply that should be there was first found to be missing."""
        self._cancel_requested = False

    def send(self) -> None:
        """Sends it, once. Returns at once."""
        self._spinner.call_soon(self._send)

    def cancel(self) -> None:
        """Asks the server to end it, once that has taken it. Returns at once."""
        self._spinner.call_soon(self._cancel)

    # On the thread of the spinner.

    def look(self) -> None:
        """Asks anew for a reply that seems to be lost; to be called now and then."""
        if self._is_over or not self._is_reply_due():
            self._missed_s = None
            return
        now_s = time.monotonic()
        if self._missed_s is None:
            self._missed_s = now_s
        elif now_s - self._missed_s >= REPLY_S:
            self._missed_s = now_s
            if self._handle is None:
                self._take(self._handle_of_unanswered())
            else:
                self._ask_result(self._handle)

    def _is_reply_due(self) -> bool:
        """Whether the server has something to tell; of a goal that it has taken, once that ended,
        which is told on a topic."""
        return self._handle is None or not self._is_replied or self._handle.status in ENDED

    def _handle_of_unanswered(self) -> ClientGoalHandle:
        """A handle as rclpy makes it of the reply that did not come."""
        taken = SimpleNamespace(accepted=True, stamp=Time())
        return ClientGoalHandle(self._client, self._id, taken)

    def _send(self) -> None:
        try:
            sent = self._client.send_goal_async(
                self._message,
                lambda message: self._on_feedback(message.feedback),
                goal_uuid=self._id,
            )
        except Exception as error:  # for whoever waits, on another thread
            self._fail(f"the goal could not be sent ({error})")
            return
        sent.add_done_callback(lambda done: self._on_reply(done.result()))

    def _on_reply(self, handle: ClientGoalHandle) -> None:
        self._is_replied = True
        if not handle.accepted:
            self._fail("the goal was not taken")
        elif self._is_over:  # whoever sent it was told that it failed: nothing may move for it
            handle.cancel_goal_async()
        elif self._handle is None:
            self._take(handle)
        else:  # it came late
            self._handle = handle

    def _take(self, handle: ClientGoalHandle) -> None:
        self._handle = handle
        self._ask_result(handle)
        if self._cancel_requested:
            handle.cancel_goal_async()

    def _ask_result(self, handle: ClientGoalHandle) -> None:
        handle.get_result_async().add_done_callback(lambda done: self._end(done.result()))

    def _end(self, response: Any) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_result(response)

    def _fail(self, why: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._on_failure(why)

    def _cancel(self) -> None:
        self._cancel_requested = True
        if self._handle is not None:
            self._handle.cancel_goal_async()
