"""One goal of an action, from its sending to its result. rclpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle

from uio2_ros.client.spinner import Spinner


class ActionGoal:
    """A goal that is sent and cancelled from any thread; its callbacks are called on the spinner's.

    That thread does all that is asked of rclpy, too. rclpy 7 (Jazzy) asks first and then notes,
    without a lock, what it awaits: a reply that another thread takes in between is thrown away,
    and its goal can be neither awaited nor cancelled any more. Ctrl-C, which interrupts the main
    thread anywhere, would do the same in every version.
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
        self._handle: ClientGoalHandle | None = None
        self._cancel_requested = False

    def send(self) -> None:
        """Sends it, once. Returns at once."""
        self._spinner.call_soon(self._send)

    def cancel(self) -> None:
        """Asks the server to end it, once that has taken it. Returns at once."""
        self._spinner.call_soon(self._cancel)

    # On the thread of the spinner.

    def _send(self) -> None:
        try:
            sent = self._client.send_goal_async(
                self._message, lambda message: self._on_feedback(message.feedback)
            )
        except Exception as error:  # for whoever waits, on another thread
            self._on_failure(f"the goal could not be sent ({error})")
            return
        sent.add_done_callback(lambda done: self._on_reply(done.result()))

    def _on_reply(self, handle: ClientGoalHandle) -> None:
        if not handle.accepted:
            self._on_failure("the goal was not taken")
            return
        handle.get_result_async().add_done_callback(lambda done: self._on_result(done.result()))
        self._handle = handle
        if self._cancel_requested:
            handle.cancel_goal_async()

    def _cancel(self) -> None:
        self._cancel_requested = True
        if self._handle is not None:
            self._handle.cancel_goal_async()
