"""Stands in for nav2: takes every goal of NavigateToPose, and reaches it after a while.

Usage: python -m uio2_ros.cli.faults.controller [--seconds S]
"""

from __future__ import annotations

import argparse
import time

import rclpy
from nav2_msgs.action import NavigateToPose
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor

from uio2_ros.processes.parent_watch import exit_when_parent_dies

PERIOD_S = 0.05


def main() -> int:
    """Serves until it is ended."""
    exit_when_parent_dies()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="that a goal takes")
    seconds = parser.parse_args().seconds
    rclpy.init(args=[])
    node = rclpy.create_node("controller", enable_rosout=False)

    def navigate(goal: ServerGoalHandle) -> NavigateToPose.Result:
        print("goal", flush=True)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and not goal.is_cancel_requested:
            time.sleep(PERIOD_S)
        goal.canceled() if goal.is_cancel_requested else goal.succeed()
        return NavigateToPose.Result()

    ActionServer(
        node,
        NavigateToPose,
        "navigate_to_pose",
        navigate,
        cancel_callback=lambda _: CancelResponse.ACCEPT,
    )
    executor = MultiThreadedExecutor(2)
    executor.add_node(node)
    print("ready", flush=True)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
