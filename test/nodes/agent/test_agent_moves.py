"""Navigation: the agent remembers where it told which move."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from nodes.agent_process import AgentProcess
from nodes.robot import LATCHED, Robot, header, wait_until
from std_srvs.srv import Trigger

pytestmark = pytest.mark.ros


def reading(message: DiagnosticArray, name: str, key: str) -> str:
    for status in message.status:
        if status.name == f"agent: {name}":
            return next((value.value for value in status.values if value.key == key), "")
    return ""


def test_moves_are_remembered_with_their_places_until_they_are_cleared(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    agent = start_agent(navigation__odometry=True, navigation__moves=2)
    agent.wait_until_logged("active: ask")
    robot.listen("/diagnostics", DiagnosticArray)

    def reported(key: str, value: str) -> None:
        robot.forget()
        robot.heard("/diagnostics", lambda m: reading(m, "odometry", key) == value)

    def move_from(x: float) -> None:
        place = Odometry(header=header(robot.now_ns(), "odom"))
        place.pose.pose.position.x = x
        robot.publish("odom", place, LATCHED)
        reported("position (m)", f"{x:.2f} 0.00 0.00")
        robot.show()
        result = robot.ask("go to the door", task="navigate")
        assert result.error_code == 0, result.error_msg

    robot.show()
    assert robot.ask("go on", task="navigate").error_code == 0  # nobody told where
    reported("moves", "0")
    for count, x in ((1, 1.0), (2, 2.0), (2, 3.0)):
        move_from(x)
        reported("moves", str(count))
    robot.show()
    assert robot.ask("the cup", task="refexp").error_code == 0  # not a move
    reported("moves", "2")
    assert robot.call(Trigger, "/agent/clear_history", Trigger.Request()).success
    reported("moves", "0")

    robot.publish("odom", _nowhere(robot), LATCHED)
    robot.heard("/diagnostics", lambda m: "not finite" in reading(m, "odometry", "last error"))


def _nowhere(robot: Robot) -> Odometry:
    message = Odometry(header=header(robot.now_ns(), "odom"))
    message.pose.pose.position.y = float("nan")
    return message


def test_stopped_model_is_told_in_diagnostics(agent: AgentProcess, robot: Robot) -> None:
    del agent
    robot.listen("/diagnostics", DiagnosticArray)
    heard = robot.heard("/diagnostics", lambda m: reading(m, "model", "pid"))
    pid = int(reading(heard, "model", "pid"))
    os.kill(pid, signal.SIGSTOP)
    try:
        robot.heard(
            "/diagnostics", lambda m: any("SIGCONT" in status.message for status in m.status)
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    robot.show()
    wait_until(lambda: robot.ask("the cup", task="refexp").error_code == 0, "an answer")
