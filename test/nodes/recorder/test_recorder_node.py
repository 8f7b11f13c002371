"""The recorder that is always on: what mattered is written, and asked again to the bit."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

if importlib.util.find_spec("rclpy") is None or importlib.util.find_spec("mcap") is None:
    pytest.skip("needs ROS and mcap", allow_module_level=True)

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from nodes.agent_process import AgentProcess, private_domain
from nodes.robot import Robot, wait_until
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from uio2_ros.msg import InstructionResult

from uio2_ros.cli import replay
from uio2_ros.recording.recording_file import Recording

pytestmark = pytest.mark.ros
RECORDER = ("-m", "uio2_ros.nodes.recorder.node")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where an agent's recorder writes; both run."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        private_domain(patch)
        logs = [tmp_path_factory.mktemp(name) for name in ("agent", "recorder")]
        agent = stack.enter_context(AgentProcess(logs[0], threads=1))
        settings = {"directory": str(folder), "seconds": 600.0, "after": 0.1}
        stack.enter_context(AgentProcess(logs[1], RECORDER, **settings))
        agent.wait_until_logged("active: ask")
        yield folder


@pytest.fixture(scope="module")
def robot(kept: Path) -> Iterator[Robot]:
    del kept
    with Robot() as robot:
        robot.show()
        for topic in ("/image", "/agent/asked", "/agent/result"):
            wait_until(lambda topic=topic: readers(robot, topic) > 0, f"the recorder on {topic}")
        yield robot


def readers(robot: Robot, topic: str) -> int:
    infos = robot.node.get_subscriptions_info_by_topic(topic)
    return sum(info.node_name == "recorder" for info in infos)


def keep(robot: Robot) -> Path:
    response = robot.call(Trigger, "/recorder/keep", Trigger.Request())
    assert response.success, response.message
    return Path(response.message)


def reasons(folder: Path) -> list[str]:
    return [Recording(file).notes["uio2_kept"]["reason"] for file in folder.glob("*.mcap")]


def test_what_is_kept_is_asked_again_to_the_bit(
    kept: Path, robot: Robot, capsys: pytest.CaptureFixture[str]
) -> None:
    wait_until(lambda: robot.show() is not None and readers(robot, "/image") > 0, "the recorder")
    robot.listen("/agent/asked", asked_type())
    assert robot.ask("what is it?", task="vqa").error_code == 0
    robot.heard("/agent/asked")
    path = keep(robot)
    assert path.parent == kept
    capsys.readouterr()
    code = replay.main([str(path), "--verify"])
    shown = capsys.readouterr()
    assert code == 0, shown.out + shown.err
    assert shown.out.splitlines()[-1] == "1 identical"


def asked_type() -> type:
    from uio2_ros.msg import Asked

    return Asked


def test_an_error_code_is_kept_with_its_name(kept: Path, robot: Robot) -> None:
    assert robot.ask("x", task="no such task").error_code == InstructionResult.UNKNOWN_TASK
    wait_until(lambda: any("UNKNOWN_TASK" in reason for reason in reasons(kept)), "the recording")


def bridge_report(*, severe: bool = False, timeouts: int | str = 0) -> DiagnosticArray:
    level = DiagnosticStatus.ERROR if severe else DiagnosticStatus.OK
    counts = [KeyValue(key="ended TIMEOUT", value=str(timeouts))]
    status = DiagnosticStatus(name="bridge: plans", level=level, message="told", values=counts)
    return DiagnosticArray(status=[status])


def test_what_the_bridge_reports_is_kept(kept: Path, robot: Robot) -> None:
    def told(report: DiagnosticArray, reason: str) -> bool:
        robot.publish("/diagnostics", bridge_report(), 10)
        robot.publish("/diagnostics", report, 10)
        return any(reason in each for each in reasons(kept))

    wait_until(lambda: told(bridge_report(severe=True), "FAULT told"), "the fault")
    wait_until(lambda: told(bridge_report(timeouts=1), "TIMEOUT told"), "the plan's end")


def test_a_count_that_is_no_number_does_not_end_the_recorder(kept: Path, robot: Robot) -> None:
    robot.publish("/diagnostics", bridge_report(timeouts="many"), 10)
    assert keep(robot).parent == kept


def test_recordings_of_one_second_have_files_of_their_own(robot: Robot) -> None:
    first, second = (keep(robot) for _ in range(2))
    assert first != second
    assert first.is_file()
    assert second.is_file()


def test_an_emergency_stop_is_kept(kept: Path, robot: Robot) -> None:
    robot.publish("estop", Bool(data=True), 10)
    wait_until(lambda: any("ESTOP" in reason for reason in reasons(kept)), "the recording")
