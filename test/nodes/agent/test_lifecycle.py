"""What is not public in rclpy's lifecycle nodes is as the agent needs it, on every distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode

from uio2_ros.nodes.agent import lifecycle

pytestmark = pytest.mark.ros


@pytest.fixture
def node() -> Iterator[LifecycleNode]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = LifecycleNode("agent", context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_state_has_a_label(node: LifecycleNode) -> None:
    assert lifecycle.state_label(node) == "unconfigured"
    node.trigger_configure()
    assert lifecycle.state_label(node) == "inactive"


def test_change_state_is_answered_by_a_coroutine_that_may_call_rclpys_own(
    node: LifecycleNode,
) -> None:
    asked: list[int] = []

    async def answer(change_state: lifecycle.ChangeState, request: Any, response: Any) -> Any:
        asked.append(request.transition.id)
        return change_state(request, response)

    lifecycle.answer_change_state(node, answer)
    client = node.create_client(ChangeState, "/agent/change_state")
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    transition = Transition(id=Transition.TRANSITION_CONFIGURE)
    future = client.call_async(ChangeState.Request(transition=transition))
    executor.spin_until_future_complete(future, timeout_sec=20.0)
    executor.shutdown()
    assert future.result().success
    assert asked == [Transition.TRANSITION_CONFIGURE]
    assert lifecycle.state_label(node) == "inactive"
