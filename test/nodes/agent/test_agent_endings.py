"""Agents of their own: transitions that go wrong or end everything, and a clock that stands."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
import rclpy
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nodes.agent_process import SCRIPTED_AGENT, AgentProcess
from nodes.robot import Robot, done, wait_until

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
        "from uio2_ros.nodes.agent import node as agent\n"
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


def test_agent_tells_of_another_of_its_name(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    agent = start_agent(autostart=False)
    robot.listen("/diagnostics", DiagnosticArray)
    twin = rclpy.create_node("agent", context=robot.node.context)
    try:
        agent.wait_until_logged("another agent of this name")
        robot.heard(
            "/diagnostics",
            lambda report: any(status.name == "agent: name" for status in report.status),
        )
    finally:
        twin.destroy_node()


def test_reports_come_while_simulated_time_stands(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    start_agent(autostart=False, use_sim_time=True)
    robot.listen("/diagnostics", DiagnosticArray)
    robot.heard("/diagnostics", lambda report: report.header.stamp.sec == 0)


def test_agent_without_a_clock_says_so(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    start_agent(use_sim_time=True).wait_until_logged("active: ask")
    robot.show(age_s=10.0)
    result = robot.ask("the cup", task="refexp")
    assert ErrorCode(result.error_code) is ErrorCode.NO_INPUT
    assert "nothing comes on /clock" in result.error_msg
    robot.listen("/diagnostics", DiagnosticArray)
    robot.heard(
        "/diagnostics",
        lambda report: any(
            status.name == "agent: clock" and "/clock" in status.message for status in report.status
        ),
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_agent_that_is_stopped_answers_all_that_wait(
    start_agent: Callable[..., AgentProcess], robot: Robot, number: signal.Signals
) -> None:
    agent = start_agent(SCRIPTED_AGENT)
    agent.wait_until_logged("active: ask")
    robot.show()
    goals = [robot.endless_order(), robot.order("hello"), robot.order("hello")]
    results = [goal.get_result_async() for goal in goals]
    calls = [robot.ask_async() for _ in range(2)]
    assert agent.stop(number) == 0
    said = [done(one).result.result for one in results] + [done(one).result for one in calls]
    for result in said:
        assert ErrorCode(result.error_code) in (ErrorCode.CANCELED, ErrorCode.MODEL_NOT_READY)
        assert result.error_msg == "the agent is shutting down"
    assert {done(one).status for one in results} == {GoalStatus.STATUS_ABORTED}


JAZZY = """
import sys
from rclpy.lifecycle import LifecycleNodeMixin
from rclpy.impl.implementation_singleton import rclpy_implementation
from uio2_ros.nodes.agent import node as agent

def change_state(self, transition_id):
    # as in rclpy 7: what the state machine raises is not caught
    self._state_machine.trigger_transition_by_id(transition_id, True)
    raise AssertionError("for transitions that are not of the state only")

LifecycleNodeMixin._LifecycleNodeMixin__change_state = change_state
agent.AgentNode._autostart = lambda node: None
sys.exit(agent.main())
"""


@pytest.mark.parametrize("program", [None, JAZZY])
def test_transition_that_is_not_one_of_the_state_is_refused_and_the_agent_goes_on(
    start_agent: Callable[..., AgentProcess], robot: Robot, program: str | None
) -> None:
    words = () if program is None else (["-c", program],)
    agent = start_agent(*words, autostart=False)
    wrong = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
    for _ in range(2):
        assert not robot.call(ChangeState, "/agent/change_state", wrong).success
    assert state(robot) == "unconfigured"
    assert agent.process.poll() is None
