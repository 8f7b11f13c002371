"""The agent's states: what each does, and why a transition fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from nodes.agent_process import SCRIPTED_AGENT, AgentProcess
from nodes.robot import Robot, done, wait_until
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.srv import DescribeParameters, ListParameters, SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool
from uio2_ros.msg import HistoryState

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros

CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
CLEANUP = Transition.TRANSITION_CLEANUP


@pytest.fixture(scope="module")
def idle_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """An agent that nobody has configured."""
    with AgentProcess(tmp_path_factory.mktemp("agent"), SCRIPTED_AGENT, autostart=False) as process:
        yield process


def change(robot: Robot, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(robot.call(ChangeState, "/agent/change_state", request).success)


def state(robot: Robot) -> str:
    response = robot.call(GetState, "/agent/get_state", GetState.Request())
    return str(response.current_state.label)


def set_parameter(robot: Robot, name: str, value: object) -> str:
    """Why it was refused; "" if it was not."""
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    result = robot.call(SetParameters, "/agent/set_parameters", request).results[0]
    return "" if result.successful else result.reason


def expect_not_ready(robot: Robot, *parts: str) -> None:
    result = robot.ask()
    assert ErrorCode(result.error_code) is ErrorCode.MODEL_NOT_READY
    for part in parts:
        assert part in result.error_msg


def shares_memory(agent: AgentProcess) -> bool:
    """Whether the agent has memory for pictures."""
    return "memfd:uio2_ros" in Path(f"/proc/{agent.pid}/maps").read_text()


def test_a_life(idle_agent: AgentProcess, robot: Robot) -> None:
    assert state(robot) == "unconfigured"
    expect_not_ready(robot, "unconfigured", "configure and activate")
    assert not change(robot, ACTIVATE)

    configuring = robot.call_async(
        ChangeState,
        "/agent/change_state",
        ChangeState.Request(transition=Transition(id=CONFIGURE)),
    )
    wait_until(lambda: state(robot) == "configuring", "the transition to begin")
    expect_not_ready(robot, "configuring", "loading")  # while it loads, it answers
    assert done(configuring).success

    assert state(robot) == "inactive"
    expect_not_ready(robot, "inactive", "activate it")
    assert change(robot, ACTIVATE)
    robot.show()
    assert robot.ask("the cup", task="refexp").error_code == 0
    assert shares_memory(idle_agent)

    goal = robot.endless_order()
    assert change(robot, DEACTIVATE)
    result = done(goal.get_result_async()).result.result
    assert ErrorCode(result.error_code) is ErrorCode.CANCELED
    expect_not_ready(robot, "inactive")
    assert change(robot, CLEANUP)
    assert state(robot) == "unconfigured"
    wait_until(lambda: not shares_memory(idle_agent), "the histories to be freed")

    assert change(robot, CONFIGURE)
    assert change(robot, ACTIVATE)
    robot.show()
    assert robot.ask("the cup", task="refexp").error_code == 0


def test_disabled_agent_takes_and_answers_nothing(idle_agent: AgentProcess, robot: Robot) -> None:
    del idle_agent
    if state(robot) != "active":
        assert change(robot, CONFIGURE)
        assert change(robot, ACTIVATE)
    robot.listen("/history_state", HistoryState)
    assert robot.call(SetBool, "/agent/enable", SetBool.Request(data=False)).success
    expect_not_ready(robot, "disabled", "~/enable")
    for transition in (DEACTIVATE, CLEANUP, CONFIGURE, ACTIVATE):  # which are not ~/enable
        assert change(robot, transition)
    robot.forget()
    robot.show()
    assert robot.heard("/history_state").frames == 0
    expect_not_ready(robot, "disabled", "~/enable")
    assert robot.call(SetBool, "/agent/enable", SetBool.Request(data=True)).success
    robot.show()
    assert robot.ask("the cup", task="refexp").error_code == 0


def test_parameters_that_need_a_configuration_are_refused_while_configured(
    idle_agent: AgentProcess, robot: Robot
) -> None:
    del idle_agent
    if state(robot) == "unconfigured":
        assert change(robot, CONFIGURE)
    assert "unconfigured" in set_parameter(robot, "model", "synthetic")
    assert set_parameter(robot, "max_age", 2.5) == ""
    assert set_parameter(robot, "max_age", -1.0) != ""
    assert set_parameter(robot, "autostart", True) != ""
    assert set_parameter(robot, "max_age", 2.0) == ""


def test_every_parameter_is_described(idle_agent: AgentProcess, robot: Robot) -> None:
    del idle_agent
    names = robot.call(
        ListParameters, "/agent/list_parameters", ListParameters.Request()
    ).result.names
    own = [name for name in names if not name.startswith(("qos_", "start_type", "use_sim"))]
    request = DescribeParameters.Request(names=own)
    described = robot.call(DescribeParameters, "/agent/describe_parameters", request)
    descriptors: list[ParameterDescriptor] = described.descriptors
    assert {d.name for d in descriptors} >= {"model", "history.count", "max_age"}
    assert all(descriptor.description for descriptor in descriptors)
