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

    def is_seen() -> bool:
        shown = show(robot)  # again if it was lost: best effort promises nothing
        return robot.ask("the cup", task="refexp").header == shown.header

    def is_refused() -> bool:
        show(robot, cut=400)
        return robot.ask("the cup", task="refexp").error_code == ErrorCode.INVALID_INPUT

    wait_until(is_seen, "an answer about a picture")
    wait_until(is_refused, "the cut picture to be refused")
    wait_until(is_seen, "an answer about the next")
