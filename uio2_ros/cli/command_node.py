"""A node for as long as a command takes, in a context that Ctrl-C does not shut down. rclpy."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

SPIN_S = 0.1


@contextmanager
def command_node(name: str, namespace: str = "") -> Iterator[Node]:
    """The node, which is destroyed at the end."""
    context = Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(
        name, namespace=namespace, context=context, start_parameter_services=False
    )
    try:
        yield node
    finally:
        node.destroy_node()
        context.try_shutdown()


def turns(node: Node, stop: threading.Event, seconds: float) -> Iterator[None]:
    """Has the node hear what comes, a little at each turn, until `stop`; if not 0, for so long."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end_s = time.monotonic() + seconds if seconds else math.inf
    while not stop.is_set() and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=SPIN_S)
        yield
