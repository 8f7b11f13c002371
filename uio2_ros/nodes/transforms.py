"""Listening to /tf and /tf_static."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.subscription import Subscription
from tf2_msgs.msg import TFMessage

from uio2_ros.messages.qos import STATIC_TRANSFORMS
from uio2_ros.messages.transforms import links_of
from uio2_ros.robot.frames import Link

DEPTH = 100
"""The usual one of /tf."""


def listen_to_transforms(
    node: Node, hear: Callable[[Link], None], group: CallbackGroup | None = None
) -> list[Subscription[Any]]:
    """Has `hear` told of every transform, on the thread that spins the node; what is none is logged
    now and then."""
    warn = partial(node.get_logger().warning, throttle_duration_sec=10.0)

    def on_message(message: TFMessage, *, static: bool) -> None:
        for link in links_of(message, static=static, on_bad=warn):
            hear(link)

    return [
        node.create_subscription(
            TFMessage, topic, partial(on_message, static=static), qos, callback_group=group
        )
        for topic, qos, static in (("/tf", DEPTH, False), ("/tf_static", STATIC_TRANSFORMS, True))
    ]
