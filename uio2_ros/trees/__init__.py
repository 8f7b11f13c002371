"""Behaviours for py_trees that ask the agent and have the bridge act. Needs rclpy and py_trees."""

from uio2_ros.trees.check_answer import CheckAnswer
from uio2_ros.trees.execute_plan import ExecutePlan
from uio2_ros.trees.instruct import Instruct
from uio2_ros.trees.recall import Recall
from uio2_ros.trees.robot import Robot
from uio2_ros.trees.wait_for_picture import WaitForPicture
from uio2_ros.trees.wait_until_seen import WaitUntilSeen

__all__ = [
    "CheckAnswer",
    "ExecutePlan",
    "Instruct",
    "Recall",
    "Robot",
    "WaitForPicture",
    "WaitUntilSeen",
]
