"""A plain action client that has the base driven, and neither waits nor cancels."""

from __future__ import annotations

import sys

import rclpy
from rclpy.action import ActionClient
from uio2_ros.action import ExecutePlan
from uio2_ros.msg import ActionStep, Plan


def main() -> None:
    """Ends in order with its input."""
    rclpy.init()
    node = rclpy.create_node("dying")
    client = ActionClient(node, ExecutePlan, "/bridge/execute")
    client.wait_for_server()
    forward = ActionStep(kind=ActionStep.DISCRETE, name="forward")
    plan = Plan(action_space="pointnav", steps=[forward] * 400)
    plan.header.frame_id = "base_link"
    plan.header.stamp = node.get_clock().now().to_msg()
    sent = client.send_goal_async(ExecutePlan.Goal(plan=plan))
    rclpy.spin_until_future_complete(node, sent)
    print("accepted", flush=True)
    sys.stdin.read()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
