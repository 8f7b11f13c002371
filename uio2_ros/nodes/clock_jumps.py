"""Time that jumps back: a simulator that was reset, a recording that is played again."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import JumpHandle, JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

JUMP_S = 0.1
"""Time that goes back by less is jitter between sources of the clock."""


def on_jump_back(node: Node, callback: Callable[[object], None]) -> JumpHandle:
    """Has `callback` called after each jump, and where the clock becomes another; `unregister` the
    handle at the end."""
    threshold = JumpThreshold(
        min_forward=None, min_backward=Duration(seconds=-JUMP_S), on_clock_change=True
    )
    return node.get_clock().create_jump_callback(threshold, post_callback=callback)
