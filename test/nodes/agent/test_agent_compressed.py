"""Compressed pictures, by parameter."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import pytest
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, as_bytes, header, picture, wait_until
from sensor_msgs.msg import CompressedImage

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


def show(robot: Robot, cut: int = 0) -> CompressedImage:
    _, jpeg = cv2.imencode(".jpg", picture())
    message = CompressedImage(
        header=header(robot.now_ns()),
        format="rgb8; jpeg compressed bgr8",
        data=as_bytes(jpeg[: len(jpeg) - cut]),
    )
    robot.publish("image/compressed", message)
    return message


def test_compressed_pictures_are_seen_and_cut_ones_refused(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    start_agent(compressed=True).wait_until_logged("active: ask")
    shown = show(robot)
    wait_until(
        lambda: robot.ask("the cup", task="refexp").header == shown.header, "an answer about it"
    )
    show(robot, cut=400)
    wait_until(
        lambda: robot.ask("the cup", task="refexp").error_code == ErrorCode.INVALID_INPUT,
        "the cut picture to be refused",
    )
    shown = show(robot)
    wait_until(lambda: robot.ask("the cup", task="refexp").header == shown.header, "the next")
