"""Two robots in two namespaces of one DDS domain: nothing of one reaches the other."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial

import pytest

pytest.importorskip("rclpy", reason="rclpy needs the ROS environment of ./uio2")

from bringup.running_graph import RunningGraph
from nodes.agent_process import private_domain
from nodes.robot import PATIENT, Robot, wait_until
from std_srvs.srv import SetBool, Trigger
from uio2_ros.msg import InstructionResult, Plan
from uio2_ros.srv import Instruct

pytestmark = pytest.mark.ros
ROBOTS = ("/one", "/two")
WORDS = ("microphone:=off", "camera:=uio2_ros/assets/demo.jpg", "bridge:=true")
GREETING = "go where you like"
NODES = ("agent", "bridge", "camera")


@pytest.fixture
def robot(ros_environment: dict[str, str]) -> Iterator[Robot]:
    """Somebody in the domain of both."""
    with pytest.MonkeyPatch.context() as patch:
        private_domain(patch)
        patch.setenv("ROS_DOMAIN_ID", ros_environment["ROS_DOMAIN_ID"])
        with Robot() as robot:
            yield robot


@pytest.fixture
def graphs(start_graph: Callable[..., RunningGraph]) -> dict[str, RunningGraph]:
    """Both, up."""
    running = {name: start_graph(f"namespace:={name}", *WORDS) for name in ROBOTS}
    for graph in running.values():
        graph.wait_for("uio2_ros is up")
    return running


def answered(robot: Robot, namespace: str, instruction: str) -> InstructionResult:
    """What one robot's agent answers about a step in its picture, which may not have come yet."""
    request = Instruct.Request(instruction=instruction, task="navigate", **PATIENT)
    return robot.call(Instruct, f"{namespace}/agent/instruct", request).result


def ask(robot: Robot, namespace: str, instruction: str) -> Plan:
    """The plan for a step in the picture."""
    result = answered(robot, namespace, instruction)
    assert result.error_code == 0, result.error_msg
    return result.plan


def nodes_seen(robot: Robot) -> set[tuple[str, str]]:
    """Names and namespaces of the nodes of both robots."""
    return {
        (name, space) for name, space in robot.node.get_node_names_and_namespaces() if name in NODES
    }


def test_two_robots_in_one_domain_keep_to_themselves(
    graphs: dict[str, RunningGraph], robot: Robot
) -> None:
    expected = {(name, namespace) for name in NODES for namespace in ROBOTS}
    wait_until(lambda: nodes_seen(robot) == expected, f"all of {expected}")
    models = [
        pid
        for graph in graphs.values()
        for pid, command in graph.descendants().items()
        if "uio2_ros.serving.child" in command
    ]
    assert len(models) == 2

    for namespace in ROBOTS:
        topic = f"{namespace}/agent/plan"
        robot.listen_until_heard({topic: Plan}, partial(answered, robot, namespace, GREETING))
    plan = ask(robot, "/one", "go to the door")
    assert robot.heard("/one/agent/plan").instruction == plan.instruction == "go to the door"
    ask(robot, "/two", "turn around")
    assert robot.heard("/two/agent/plan").instruction == "turn around"
    for namespace, own in (("/one", "go to the door"), ("/two", "turn around")):
        said = [plan.instruction for plan in robot._messages[f"{namespace}/agent/plan"]]
        assert [each for each in said if each != GREETING] == [own]

    robot.call(SetBool, "/one/agent/enable", SetBool.Request(data=False))
    refused = robot.call(Instruct, "/one/agent/instruct", Instruct.Request(instruction="hello"))
    assert "disabled" in refused.result.error_msg
    ask(robot, "/two", "go on")
    assert robot.call(Trigger, "/one/bridge/stop", Trigger.Request()).success

    assert graphs["/one"].end() == 0
    wait_until(
        lambda: ("agent", "/one") not in nodes_seen(robot),
        "the first robot to leave",
    )
    ask(robot, "/two", "still there?")
    assert graphs["/two"].end(signal.SIGTERM) == 0, graphs["/two"].text
    assert not graphs["/two"].descendants()
