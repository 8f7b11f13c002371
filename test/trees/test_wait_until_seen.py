"""WaitUntilSeen against an agent whose model, of task refexp, always answers with one box."""

from __future__ import annotations

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nodes.robot import wait_until
from nodes.scripted_model import ENDLESS
from patience import patient
from py_trees.blackboard import Blackboard
from py_trees.common import Status

from uio2_ros.trees import Robot, WaitUntilSeen

pytestmark = pytest.mark.ros
BRIDGE_NAME = "stand_in"
MORE_THAN_COME = 10**6
"""Answers in a row."""


def finish(behaviour: WaitUntilSeen) -> Status:
    end_s = time.monotonic() + patient(60)
    behaviour.tick_once()
    while behaviour.status is Status.RUNNING:
        assert time.monotonic() < end_s, behaviour.feedback_message
        time.sleep(0.02)
        behaviour.tick_once()
    return behaviour.status


def test_what_is_seen_is_success_and_on_the_blackboard(robot: Robot) -> None:
    behaviour = WaitUntilSeen("wait", robot, "the cup", task="refexp", answer_key="cup")
    assert finish(behaviour) is Status.SUCCESS
    (found,) = Blackboard.get("cup").detections
    assert found.track  # it is a standing instruction's
    assert behaviour.feedback_message == "the cup"


def test_what_is_not_seen_in_time_is_failure(robot: Robot) -> None:
    behaviour = WaitUntilSeen(
        "wait", robot, "the cup", task="refexp", in_a_row=MORE_THAN_COME, for_at_most_s=0.5
    )
    assert finish(behaviour) is Status.FAILURE
    assert "TIMEOUT" in behaviour.feedback_message


def test_interrupted_the_agent_looks_for_it_no_longer(robot: Robot) -> None:
    standing = ""

    def keep(message: DiagnosticArray) -> None:
        nonlocal standing
        for status in message.status:
            for value in status.values:
                if value.key == "standing instructions":
                    standing = value.value

    subscription = robot.agent.node.create_subscription(DiagnosticArray, "/diagnostics", keep, 10)
    behaviour = WaitUntilSeen("wait", robot, ENDLESS)

    def is_standing() -> bool:
        behaviour.tick_once()
        return standing == "1"

    wait_until(is_standing, "the standing instruction")
    assert behaviour.status is Status.RUNNING
    assert behaviour.feedback_message == "looking"
    behaviour.stop(Status.INVALID)
    wait_until(lambda: standing == "0", "its end")
    robot.agent.node.destroy_subscription(subscription)
