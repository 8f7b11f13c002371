"""Every error code of the interface, provoked once over the real service or action."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from nodes.agent_process import SCRIPTED_AGENT, AgentProcess
from nodes.robot import Robot, done, header, wait_until
from nodes.scripted_model import ENDLESS
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger
from uio2_ros.msg import InstructionResult

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
    """An agent whose model fails when it is asked to, and for which one instruction may wait."""
    with AgentProcess(tmp_path_factory.mktemp("agent"), SCRIPTED_AGENT, queue_size=1) as process:
        process.wait_until_logged("active: ask")
        yield process


def ask_without_picture(robot: Robot) -> InstructionResult:
    robot.call(Trigger, "/agent/clear_history", Trigger.Request())
    return robot.ask("the cup", task="refexp")


def ask_about_old_picture(robot: Robot) -> InstructionResult:
    robot.call(Trigger, "/agent/clear_history", Trigger.Request())
    robot.show(age_s=5.0)
    return robot.ask("the cup", task="refexp", max_age=0.0)


def ask_about_no_picture(robot: Robot) -> InstructionResult:
    robot.show(encoding="rgb9")
    return robot.ask("the cup", task="refexp")


def ask_disabled_agent(robot: Robot) -> InstructionResult:
    robot.call(SetBool, "/agent/enable", SetBool.Request(data=False))
    try:
        return robot.ask("the cup", task="refexp")
    finally:
        robot.call(SetBool, "/agent/enable", SetBool.Request(data=True))


def ask_for_boxes_in_a_frame_without_name(robot: Robot) -> InstructionResult:
    robot.show(header=header(robot.now_ns(), frame_id=""))
    return robot.ask("", task="cuboids")


def ask_too_much_at_once(robot: Robot) -> InstructionResult:
    """One is under way, one may wait, and the third has no place."""
    goal = robot.endless_order()
    asked = [robot.ask_async("the cup", task="refexp") for _ in range(2)]
    wait_until(lambda: any(future.done() for future in asked), "one to be refused")
    goal.cancel_goal_async()
    return max((done(future).result for future in asked), key=lambda result: result.error_code)


def cancel(robot: Robot) -> InstructionResult:
    goal = robot.endless_order()
    goal.cancel_goal_async()
    return done(goal.get_result_async()).result.result


PROVOKED: dict[ErrorCode, tuple[Callable[[Robot], InstructionResult], str]] = {
    ErrorCode.UNKNOWN: (
        lambda robot: robot.ask("draw what no message holds"),
        "shape (2, 2, 5) and type uint8; expected (H, W)",
    ),
    ErrorCode.INVALID_REQUEST: (lambda robot: robot.ask(""), "say what to do, or name a task"),
    ErrorCode.UNKNOWN_TASK: (lambda robot: robot.ask(task="fly"), "'fly'"),
    ErrorCode.MODEL_NOT_READY: (ask_disabled_agent, "call ~/enable with true"),
    ErrorCode.NO_INPUT: (ask_without_picture, "start its source or remap the topic"),
    ErrorCode.STALE_INPUT: (ask_about_old_picture, "may be 2 s"),
    ErrorCode.INVALID_INPUT: (ask_about_no_picture, "'rgb9'"),
    ErrorCode.NO_CAMERA_INFO: (
        lambda robot: robot.ask("", task="cuboids"),
        "publish camera_info with the picture",
    ),
    ErrorCode.TF_ERROR: (ask_for_boxes_in_a_frame_without_name, "name its optical frame"),
    ErrorCode.TIMEOUT: (
        lambda robot: robot.ask(ENDLESS, timeout=0.5),
        "give more time",
    ),
    ErrorCode.CANCELED: (cancel, "cancel"),
    ErrorCode.BUSY: (ask_too_much_at_once, "wait"),
    ErrorCode.OUT_OF_MEMORY: (lambda robot: robot.ask("out of memory"), "no room for 9 GiB"),
    ErrorCode.INFERENCE_FAILED: (lambda robot: robot.ask("fail"), "shapes do not match"),
    ErrorCode.PARSE_FAILED: (lambda robot: robot.ask("write nonsense"), "reword it"),
}


def test_no_code_is_left_out() -> None:
    assert set(PROVOKED) == set(ErrorCode) - {ErrorCode.NONE}


@pytest.mark.parametrize("code", PROVOKED, ids=lambda code: code.name)
def test_code_is_given_and_the_next_request_is_answered(
    agent: AgentProcess, robot: Robot, code: ErrorCode
) -> None:
    del agent
    provoke, part = PROVOKED[code]
    robot.show()
    result = provoke(robot)
    assert (result.error_code, ErrorCode(result.error_code)) == (int(code), code), result.error_msg
    assert part in result.error_msg
    robot.show()
    answered = robot.ask("the cup", task="refexp")
    assert (answered.error_code, answered.error_msg) == (0, "")


def set_picture_timeout(robot: Robot, seconds: float) -> None:
    value = Parameter("picture_timeout", value=seconds).to_parameter_msg()
    request = SetParameters.Request(parameters=[value])
    assert robot.call(SetParameters, "/agent/set_parameters", request).results[0].successful


def test_pictures_have_a_time_of_their_own(agent: AgentProcess, robot: Robot) -> None:
    del agent
    set_picture_timeout(robot, 0.1)
    robot.show()
    assert robot.ask("", task="depth", timeout=0.0).error_code == ErrorCode.TIMEOUT
    set_picture_timeout(robot, 300.0)
    assert robot.ask("the cup", task="localize").error_code == ErrorCode.NONE
