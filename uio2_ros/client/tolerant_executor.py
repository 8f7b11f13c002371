"""An executor whose node may lose subscriptions to another thread."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import SingleThreadedExecutor

MOST_LOST = 100
"""Subscriptions lost one after the other; a handle that stays invalid is another fault."""


class TolerantExecutor(SingleThreadedExecutor):
    """Goes on where another thread destroys a subscription while this one is about to wait for it.

    The agent's transitions do, and programs with a client that listen for a while. rclpy expects
    it of subscriptions, not of their events (rclpy 9), and raised InvalidHandle out of spin_once.
    By then the node has forgotten the subscription, so that waiting anew is all it takes. What
    callbacks raise is raised.
    """

    def wait_for_ready_callbacks(self, *arguments: Any, **options: Any) -> Any:
        """As rclpy's; InvalidHandle if that many in a row were destroyed."""
        for _ in range(MOST_LOST):
            with suppress(InvalidHandle):
                return super().wait_for_ready_callbacks(*arguments, **options)
        return super().wait_for_ready_callbacks(*arguments, **options)
