"""Clients of ~/execute that are gone, and a second bridge of the same name. Real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from geometry_msgs.msg import TwistStamped
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import Sender, speed
from nodes.robot import wait_until
from uio2_ros.action import ExecutePlan

from uio2_ros.control import Cause
from uio2_ros.nodes.name_watch import YOUNG_S

pytestmark = pytest.mark.ros
CLIENT = str(Path(__file__).with_name("dying_client.py"))


@pytest.fixture(scope="module", autouse=True)
def bridge(start: Callable[..., AgentProcess]) -> AgentProcess:
    return start("bridge", client__timeout=4.0)


@pytest.mark.parametrize("way", ["leave", "killed"])
def test_base_does_not_drive_on_for_a_client_that_is_gone(sender: Sender, way: str) -> None:
    sender.hear("cmd_vel", TwistStamped)
    before = sender.counted(Cause.CLIENT_LOST)
    with subprocess.Popen(
        [sys.executable, CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        sender.heard("cmd_vel", lambda twist: twist.twist.linear.x > 0.2)
        if way == "killed":
            client.kill()
        else:
            client.communicate()
    sender.wait_until_counted(Cause.CLIENT_LOST, before + 1)
    wait_until(lambda: not speed(sender.messages("cmd_vel")[-1]), "the base to stop")


def test_second_bridge_moves_nothing_and_says_why_until_it_is_alone(
    sender: Sender, start: Callable[..., AgentProcess], bridge: AgentProcess
) -> None:
    sender.status()
    wait_until(
        lambda: sender.node.count_subscribers("/bridge/execute/_action/feedback") == 1,
        "the client that was killed to leave the graph, 20 s later",
        timeout_s=40.0,
    )
    time.sleep(YOUNG_S)  # the first is old, and has seen that client leave, too
    second = start("bridge", speed__linear=0.1)
    second.wait_until_logged("another bridge of this name is in the graph")
    wait_until(lambda: sender.node.count_publishers("/bridge/execute/_action/status") == 1, "one")
    sender.hear_velocities()
    assert sender.carry_out(sender.moves("forward")).error_code == ExecutePlan.Result.NONE
    assert 0.2 < max(speed(twist) for twist in sender.messages("cmd_vel")) < 0.3
    bridge.stop()
    second.wait_until_logged("alone under this name again")
    sender.forget()
    assert sender.carry_out(sender.moves("forward")).error_code == ExecutePlan.Result.NONE
    assert max(speed(twist) for twist in sender.messages("cmd_vel")) < 0.11
