"""A plain action client that has the base driven, and neither waits nor cancels."""

from __future__ import annotations

import sys
import time

import rclpy
from rclpy.action import ActionClient
from uio2_ros.action import ExecutePlan
from uio2_ros.msg import ActionStep, Plan


def main() -> None:
    """`leave`: ends in order once the goal is accepted; otherwise stays until it is killed."""
    rclpy.init()
    node = rclpy.create_node("dying")
    client = ActionClient(node, ExecutePlan, "/bridge/execute")
    client.wait_for_server()
    forward = ActionStep(kind=ActionStep.DISCRETE, name="forward")
    plan = Plan(action_space="pointnav", steps=[forward] * 40)
    plan.header.frame_id = "base_link"
    plan.header.stamp = node.get_clock().now().to_msg()
    sent = client.send_goal_async(ExecutePlan.Goal(plan=plan))
    rclpy.spin_until_future_complete(node, sent)
    print("accepted", flush=True)
    time.sleep(1.5 if "leave" in sys.argv else 1000.0)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
