"""The agent lifts answers by depth, remembers them in a fixed frame, and recalls them later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from nodes.agent_process import SCRIPTED_AGENT, AgentProcess
from nodes.robot import FRAME_ID, Robot, as_bytes, header, wait_until
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from uio2_ros.msg import InstructionResult, LocatedObject, LocatedObjectArray
from uio2_ros.srv import Recall
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from uio2_ros.client import AgentClient, AgentError
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.trees import Recall as RecallBehaviour
from uio2_ros.trees import Robot as TreeRobot

pytestmark = pytest.mark.ros

STATIC = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CAMERA_HEIGHT_M, DEPTH_M = 1.5, 1.0
SETTINGS = {"depth__enabled": True, "depth__tolerance": 0.1, "memory__least_score": 0.0}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("memory") / "world.sqlite"


@pytest.fixture(scope="module")
def agent(file: Path, robot_of_module: Robot) -> Iterator[AgentProcess]:
    """One that remembers; it knows the camera, but not yet where that is."""
    with AgentProcess(file.parent, SCRIPTED_AGENT, memory__file=file, **SETTINGS) as process:
        process.wait_until_logged("active: ask")
        robot_of_module.calibrate((50, 32, 50, 24))
        yield process


def reading(robot: Robot, name: str, key: str) -> str:
    """What the newest report says."""
    for report in reversed(robot._messages["/diagnostics"]):
        for status in report.status:
            if status.name == f"agent: {name}":
                return next(value.value for value in status.values if value.key == key)
    return ""


def show(robot: Robot, depth_later_s: float = 0.0, frame_id: str = FRAME_ID) -> Image:
    """A picture, and a depth of 1 m everywhere; both have come."""
    robot.listen("/diagnostics", DiagnosticArray)
    wait_until(lambda: reading(robot, "depth", "received") != "", "a report of depth")
    before = int(reading(robot, "depth", "received"))
    shown = robot.show()
    stamp_ns = shown.header.stamp.sec * 10**9 + shown.header.stamp.nanosec
    depth = Image(
        header=header(stamp_ns + round(depth_later_s * 1e9), frame_id),
        height=24,
        width=32,
        encoding="16UC1",
        step=64,
        data=as_bytes(np.full((24, 32), 1000 * DEPTH_M, np.uint16)),
    )

    def has_come() -> bool:
        robot.publish("aligned_depth", depth)
        return int(reading(robot, "depth", "received")) > before

    wait_until(has_come, "the depth to be taken")
    return shown


def place_camera(robot: Robot) -> None:
    """1.5 m above the origin of odom, looking down."""
    pose = Transform(
        translation=Vector3(z=CAMERA_HEIGHT_M), rotation=Quaternion(x=1.0, y=0.0, z=0.0, w=0.0)
    )
    frame = TransformStamped(header=header(0, "odom"), child_frame_id=FRAME_ID, transform=pose)
    robot.publish("/tf_static", TFMessage(transforms=[frame]), STATIC)


def recall(robot: Robot, query: str, **fields: Any) -> Recall.Response:
    return robot.call(Recall, "/agent/recall", Recall.Request(query=query, **fields))


def located(result: InstructionResult) -> LocatedObject:
    (one,) = result.located.objects
    return one


def until_known(robot: Robot, query: str, **fields: Any) -> Recall.Response:
    """What is remembered after the reply is there soon."""
    wait_until(lambda: bool(recall(robot, query).objects), f"{query} to be remembered")
    return recall(robot, query, **fields)


def test_without_a_transform_nothing_is_guessed(agent: AgentProcess, robot: Robot) -> None:
    del agent
    show(robot)
    result = robot.ask("the red cup", task="refexp")
    assert located(result).source == LocatedObject.DEPTH, result.located.error_msg
    wait_until(lambda: bool(recall(robot, "cup").error_code), "the missing transform to be told")
    told = recall(robot, "cup")
    assert told.error_code == ErrorCode.TF_ERROR
    assert "odom" in told.error_msg


def test_what_was_seen_is_recalled_where_it_is(agent: AgentProcess, robot: Robot) -> None:
    del agent
    place_camera(robot)
    robot.listen("/located", LocatedObjectArray)
    robot.listen("/detections_3d", Detection3DArray)
    robot.listen("/agent/memory_markers", MarkerArray, STATIC)
    shown = show(robot)
    result = robot.ask("the red cup", task="refexp")
    one = located(result)
    assert (one.label, one.source) == ("the red cup", LocatedObject.DEPTH)
    assert result.located.error_code == ErrorCode.NONE
    assert result.located.depth_offset == 0.0
    assert result.located.header == shown.header
    assert one.pose.position.z == pytest.approx(DEPTH_M, abs=0.6)  # its middle, not its surface
    assert robot.heard("/located", lambda heard: heard.header == shown.header) == result.located
    boxes = robot.heard("/detections_3d", lambda heard: heard.header == shown.header)
    assert boxes.detections[0].bbox.center == one.pose

    answer = until_known(robot, "where is the red cup?", pictures=True)
    (cup,) = answer.objects
    assert cup.header.frame_id == "odom"
    assert cup.header.stamp == shown.header.stamp
    seen = one.pose.position
    assert (cup.pose.position.x, cup.pose.position.y, cup.pose.position.z) == pytest.approx(
        (seen.x, -seen.y, CAMERA_HEIGHT_M - seen.z), abs=1e-6
    )
    picture = cv2.imdecode(np.frombuffer(cup.picture.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[0] > 0
    assert "the red cup" in answer.text
    assert not recall(robot, "red cup").objects[0].picture.data
    assert recall(robot, "blue cup").objects == []
    assert recall(robot, "cup", frame_id="moon").error_code == ErrorCode.TF_ERROR
    in_camera = recall(robot, "cup", frame_id=FRAME_ID).objects[0].pose.position
    assert in_camera.z == pytest.approx(seen.z, abs=1e-6)
    robot.heard(
        "/agent/memory_markers",
        lambda heard: any(marker.text == "the red cup" for marker in heard.markers),
    )


@pytest.mark.parametrize(
    ("shown", "code", "says"),
    [
        ({"depth_later_s": 0.5}, ErrorCode.STALE_INPUT, "(depth.tolerance)"),
        ({"frame_id": "infrared"}, ErrorCode.INVALID_INPUT, "registered"),
    ],
)
def test_depth_that_does_not_fit_the_picture_is_not_used(
    agent: AgentProcess, robot: Robot, shown: dict[str, Any], code: ErrorCode, says: str
) -> None:
    del agent
    show(robot, **shown)
    result = robot.ask("the fork", task="refexp")
    assert result.error_code == ErrorCode.NONE
    assert (located(result).source, result.located.error_code) == (LocatedObject.NONE, code)
    assert says in result.located.error_msg
    assert math.isnan(result.located.depth_offset)


def test_a_client_and_a_tree_recall(agent: AgentProcess, robot: Robot) -> None:
    del agent
    show(robot)
    robot.ask("the red cup", task="refexp")
    until_known(robot, "red cup")
    with AgentClient() as client:
        (cup,) = client.recall("red cup", pictures=True)
        assert (cup.label, cup.frame_id) == ("the red cup", "odom")
        assert cup.picture[:2] == b"\xff\xd8"
        assert client.recall_async("zebra").result(60) == ()
        with pytest.raises(AgentError, match="TF_ERROR"):
            client.recall("red cup", frame_id="moon")
    with TreeRobot() as tree:
        known, unknown = (
            RecallBehaviour(query, tree, query, server_wait_s=60.0) for query in ("cup", "zebra")
        )
        for behaviour, status in ((known, "SUCCESS"), (unknown, "FAILURE")):

            def is_over(behaviour: RecallBehaviour = behaviour) -> bool:
                behaviour.tick_once()
                return behaviour.status.name != "RUNNING"

            wait_until(is_over, behaviour.name)
            assert behaviour.status.name == status, behaviour.feedback_message


def test_it_is_remembered_over_a_restart_until_it_is_forgotten(
    file: Path, agent: AgentProcess, robot: Robot, tmp_path: Path
) -> None:
    before = recall(robot, "").objects
    assert before
    agent.__exit__()
    with AgentProcess(tmp_path, SCRIPTED_AGENT, memory__file=file, **SETTINGS) as again:
        again.wait_until_logged("active: ask")
        after = recall(robot, "").objects
        assert {one.id: one.pose for one in after} == {one.id: one.pose for one in before}
        assert robot.call(Trigger, "/agent/forget", Trigger.Request()).success
        assert recall(robot, "").objects == []


def test_an_agent_without_memory_says_so(
    start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    start_agent(SCRIPTED_AGENT).wait_until_logged("active: ask")
    told = recall(robot, "cup")
    assert (told.error_code, "memory.file" in told.error_msg) == (ErrorCode.MODEL_NOT_READY, True)
