"""A model that cannot be loaded: the agent stays up, says why, and takes a correction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nodes.agent_process import AgentProcess
from nodes.robot import Robot
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


def not_a_tokenizer(folder: Path) -> dict[str, object]:
    path = folder / "broken.model"
    path.write_text("this is no SentencePiece model")
    return {"tokenizer": path}


def not_a_checkpoint(folder: Path) -> dict[str, object]:
    path = folder / "broken"
    path.mkdir()
    return {"model": path}


@pytest.mark.parametrize("fault", [not_a_tokenizer, not_a_checkpoint])
def test_agent_says_why_and_takes_a_correction(
    start_agent: Callable[..., AgentProcess],
    robot: Robot,
    tmp_path: Path,
    fault: Callable[[Path], dict[str, object]],
) -> None:
    parameters = fault(tmp_path)
    agent = start_agent(**parameters)
    agent.wait_until_logged("cannot configure")
    result = robot.ask()
    assert ErrorCode(result.error_code) is ErrorCode.MODEL_NOT_READY
    assert "cannot configure" in result.error_msg
    assert str(*parameters.values()) in result.error_msg
    assert agent.log.read_text().count("cannot be loaded") == 1

    corrected = [Parameter("tokenizer", value=""), Parameter("model", value="synthetic")]
    request = SetParameters.Request(parameters=[p.to_parameter_msg() for p in corrected])
    response = robot.call(SetParameters, "/agent/set_parameters", request)
    assert all(result.successful for result in response.results)
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        change = ChangeState.Request(transition=Transition(id=transition))
        assert robot.call(ChangeState, "/agent/change_state", change).success
    robot.show()
    assert robot.ask("the cup", task="refexp").error_code == 0
    agent.stop()


@pytest.mark.parametrize(
    ("name", "value", "possible"),
    [
        ("audio.format.encoding", "MP3", "S16LE, F32LE"),
        ("device", "gpu", "auto, cpu, cuda or cuda:<number>"),
        ("dtype", "float8", "float32, bfloat16"),
        ("tasks.normal_axes", "up", "three signed axes"),
    ],
)
def test_parameters_that_make_no_sense_are_named(
    start_agent: Callable[..., AgentProcess], robot: Robot, name: str, value: str, possible: str
) -> None:
    agent = start_agent(**{name: value})
    agent.wait_until_logged("cannot configure")
    said = robot.ask().error_msg
    assert name.removeprefix("tasks.") in said
    assert f" is {value!r}" in said
    assert possible in said


def test_folder_without_action_spaces_is_named(
    start_agent: Callable[..., AgentProcess], robot: Robot, tmp_path: Path
) -> None:
    agent = start_agent(action_spaces=tmp_path / "nothing")
    agent.wait_until_logged("cannot configure")
    assert f"no folder of action spaces; looked for {tmp_path}/nothing" in robot.ask().error_msg


@pytest.mark.parametrize(
    ("value", "said"),
    [("2", "'max_age' to '2' of type 'INTEGER'"), ("-1.0", "max_age out of range")],
)
def test_parameters_of_the_wrong_type_or_range_end_the_process_with_a_sentence(
    start_agent: Callable[..., AgentProcess], value: str, said: str
) -> None:
    agent = start_agent(max_age=value)
    assert agent.process.wait(30) == 1
    log = agent.log.read_text()
    assert said in log
    assert "Traceback" not in log
