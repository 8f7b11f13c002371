"""The agent's memory is flat: nothing remains of a picture or of an instruction."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import psutil
import pytest
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, as_bytes, header, wait_until
from sensor_msgs.msg import Image
from uio2_ros.msg import HistoryState

pytestmark = pytest.mark.ros

PIXELS = np.zeros((240, 320, 3), np.uint8)
ROUND = 48
"""Refused instructions of a round, with as many pictures; a quarter as many are answered."""
MOST_GROWTH = 10 * PIXELS.nbytes
"""A round that kept every picture, or that of every answer, would be beyond."""


def picture(robot: Robot) -> Image:
    height, width = PIXELS.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=width * 3)
    message.header = header(robot.now_ns())
    message.data = as_bytes(PIXELS)
    return message


def test_memory_is_flat_over_pictures_and_instructions(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    agent = start_agent(history__count=2, history__period=0.05)
    agent.wait_until_logged("active: ask")
    process = psutil.Process(agent.pid)

    def live() -> int:
        for number in range(ROUND):
            robot.publish("image", picture(robot))
            robot.ask(task="no such task")
            if number % 4 == 0:
                robot.show(PIXELS)
                assert robot.ask("the cup", task="refexp").error_code == 0
        time.sleep(0.2)  # the last drawing
        return int(process.memory_info().rss)

    live()
    before = live()
    assert live() - before < MOST_GROWTH


def test_memory_for_pictures_is_claimed_at_the_start(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    agent = start_agent(history__count=2, history__period=0.0)
    agent.wait_until_logged("active: ask")
    robot.listen("/history_state", HistoryState)
    held: set[int] = set()

    def more() -> bool:
        robot.show(PIXELS)
        held.add(robot.heard("/history_state", lambda _: True).frame_bytes)
        robot.forget()
        return max(held) == 8 * PIXELS.nbytes  # two kept and six in reserve

    wait_until(more, "the reserve")
    assert robot.ask("the cup", task="refexp").error_code == 0
    robot.show(PIXELS)
    robot.forget()
    assert robot.heard("/history_state").frame_bytes == 8 * PIXELS.nbytes
