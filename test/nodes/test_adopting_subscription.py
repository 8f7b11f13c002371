"""A subscription that follows its publishers, on a real node."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from nodes.robot import wait_until
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from uio2_ros.nodes.adopting_subscription import AdoptingSubscription

pytestmark = pytest.mark.ros

TOPIC = "words"
OVERLAP_S = 0.3


class BusyNode(Node):
    """While it looks for publishers, another thread does something."""

    meanwhile: threading.Thread | None = None

    def get_publishers_info_by_topic(self, *arguments: Any, **options: Any) -> Any:
        thread, self.meanwhile = self.meanwhile, None
        publishers = super().get_publishers_info_by_topic(*arguments, **options)
        if thread is not None:
            thread.start()
            thread.join(OVERLAP_S)
        return publishers


@pytest.fixture
def node() -> Iterator[BusyNode]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = BusyNode("listener", context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_closed_while_it_follows_it_stays_closed(node: BusyNode) -> None:
    subscription = AdoptingSubscription(
        node,
        TOPIC,
        ["std_msgs/msg/String"],
        lambda *_: None,
        depth=1,
        group=MutuallyExclusiveCallbackGroup(),
    )
    subscription.open()
    assert node.count_subscribers(TOPIC) == 1
    node.create_publisher(String, TOPIC, QoSProfile(depth=1))  # reliable: to be adopted
    wait_until(lambda: node.count_publishers(TOPIC) > 0, "the publisher")
    closing = node.meanwhile = threading.Thread(target=subscription.close)
    subscription.follow()
    closing.join()
    wait_until(lambda: node.count_subscribers(TOPIC) == 0, "the subscription to be gone", 2.0)
