"""Agents of their own: transitions that go wrong or end everything, and a clock that stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, wait_until

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


def state(robot: Robot) -> str:
    response = robot.call(GetState, "/agent/get_state", GetState.Request())
    return str(response.current_state.label)


def expect_not_ready(robot: Robot, part: str) -> None:
    result = robot.ask()
    assert ErrorCode(result.error_code) is ErrorCode.MODEL_NOT_READY
    assert part in result.error_msg


def test_fault_in_a_transition_is_logged_and_leads_back_to_unconfigured(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    program = (
        "import sys\n"
        "from uio2_ros.nodes import agent\n"
        "agent.AgentNode._load = lambda node: {}['a fault of ours']\n"
        "sys.exit(agent.main())\n"
    )
    agent = start_agent(["-c", program])
    agent.wait_until_logged("KeyError: 'a fault of ours'")
    wait_until(lambda: state(robot) == "unconfigured", "the transition to end")
    expect_not_ready(robot, "an error in a transition")


def test_shut_down_agent_says_so(start_agent: Callable[..., AgentProcess], robot: Robot) -> None:
    start_agent(autostart=False)
    shutdown = Transition(id=Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    request = ChangeState.Request(transition=shutdown)
    assert robot.call(ChangeState, "/agent/change_state", request).success
    expect_not_ready(robot, "was shut down; start it anew")


def test_reports_come_while_simulated_time_stands(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    start_agent(autostart=False, use_sim_time=True)
    robot.listen("/diagnostics", DiagnosticArray)
    robot.heard("/diagnostics", lambda report: report.header.stamp.sec == 0, timeout_s=10.0)
