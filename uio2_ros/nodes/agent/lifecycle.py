"""What the agent needs of rclpy's lifecycle nodes that is not public: all of it, and nowhere else.

rclpy 7 (Jazzy) and 9 (Kilted) have these members; test_lifecycle.py says so for the one that is
installed, and runs on the wheels of each distribution.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode

ChangeState = Callable[[Any, Any], Any]
"""Request and response of lifecycle_msgs/srv/ChangeState to the response."""


def state_label(node: LifecycleNode) -> str:
    """The node's primary state, such as "inactive", or the state of a transition."""
    return str(node._state_machine.current_state[1])


def answer_change_state(
    node: LifecycleNode, answer: Callable[[ChangeState, Any, Any], Awaitable[Any]]
) -> None:
    """Let a coroutine answer ~/change_state: `answer(rclpy's own callback, request, response)`.

    rclpy calls the transitions inside that callback and has no hook for it.
    """
    service = node._service_change_state
    change_state = service.callback

    async def callback(request: Any, response: Any) -> Any:
        return await answer(change_state, request, response)

    service.callback = callback
