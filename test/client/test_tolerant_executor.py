"""A subscription may be destroyed at any moment, also just before its events are waited for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.waitable import NumberOfEntities, Waitable
from std_msgs.msg import String

from uio2_ros.client.tolerant_executor import TolerantExecutor

pytestmark = pytest.mark.ros


class DestroysAtTheLastMoment(Waitable):
    """Destroys a subscription when the executor has collected what it will wait for."""

    def __init__(self, node: Node) -> None:
        super().__init__(ReentrantCallbackGroup())
        self._node = node
        self.subscription: Subscription[String] | None = None
        node.add_waitable(self)

    def __enter__(self) -> None:
        """Nothing is held while it is waited for."""

    def __exit__(self, *_: object) -> None:
        """Nor after."""

    def get_num_entities(self) -> NumberOfEntities:
        return NumberOfEntities()

    def add_to_wait_set(self, wait_set: Any) -> None:
        del wait_set
        if self.subscription is not None:
            self._node.destroy_subscription(self.subscription)
            self.subscription = None

    def is_ready(self, wait_set: Any) -> bool:
        del wait_set
        return False


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("listener", context=context)
    last_moment = DestroysAtTheLastMoment(node)
    last_moment.subscription = node.create_subscription(
        String,
        "words",
        lambda _: None,
        1,
        event_callbacks=SubscriptionEventCallbacks(matched=lambda _: None),
    )
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_spinning_goes_on_without_the_subscription(node: Node) -> None:
    executor = TolerantExecutor(context=node.context)
    executor.add_node(node)
    called: list[bool] = []
    node.create_timer(0.01, lambda: called.append(True))
    executor.spin_once(timeout_sec=1.0)
    assert called
    executor.shutdown()


def test_what_callbacks_raise_is_raised(node: Node) -> None:
    def fail() -> None:
        raise InvalidHandle("of a publisher, say")

    executor = TolerantExecutor(context=node.context)
    executor.add_node(node)
    node.create_timer(0.01, fail)
    with pytest.raises(InvalidHandle, match="of a publisher"):
        executor.spin_once(timeout_sec=1.0)
    executor.shutdown()
