"""`./uio2 snapshot`: from topics and from recordings, and its errors in sentences."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from mcap_ros2.writer import Writer
from nodes.agent_process import private_domain
from nodes.robot import Robot, header
from rclpy.action import ActionServer
from rclpy.qos import DurabilityPolicy, QoSProfile
from uio2_ros.action import Instruct
from uio2_ros.msg import InstructionResult
from visualization_msgs.msg import MarkerArray

from uio2_ros.cli.snapshot import main
from uio2_ros.cli.snapshot_sources import TOPICS
from uio2_ros.messages.camera_info import camera_info_message
from uio2_ros.messages.pictures import depth_message, image_message
from uio2_ros.nodes.agent.debug_image import draw_answer
from uio2_ros.nodes.agent.markers import marker_array
from uio2_ros.robot.answer import Answer, Cuboid, Detection
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.viewing.published_answer import PublishedAnswer
from uio2_ros.viewing.scene import Scene
from uio2_ros.viewing.shapes import Dots

pytestmark = pytest.mark.ros

HEADER = header(7_000_000_001, "camera_optical_frame")
CAMERA = CameraModel(64, 48, 50.0, 50.0, 32.0, 24.0)
ANSWER = Answer(
    text="cup",
    detections=(Detection(Box(10, 10, 30, 30), "cup", 0.5),),
    cuboids=(Cuboid("cup", (0.0, 0.1, 1.0), (0.2, 0.2, 0.2), (1.0, 0.0, 0.0, 0.0)),),
)


def messages() -> dict[str, Any]:
    """What an agent says about `ANSWER`, by topic."""
    drawing = draw_answer(np.zeros((48, 64, 3), np.uint8), "find the cup", ANSWER, CAMERA)
    return {
        "camera_info": camera_info_message(CAMERA, HEADER),
        "depth": depth_message(np.full((48, 64), 2.0, np.float32), HEADER),
        "markers": marker_array(ANSWER, HEADER, CAMERA),
        "debug_image": image_message(drawing, HEADER),
    }


def size_of(path: Path) -> tuple[int, int]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture.shape[1], picture.shape[0]


@pytest.fixture(scope="module", autouse=True)
def domain() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        private_domain(patch)
        yield


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as robot:
        yield robot


@pytest.fixture
def agent(robot: Robot) -> Iterator[Callable[[], None]]:
    """A stand-in that answers every instruction with `ANSWER`; call it to speak unasked."""
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    said = messages()
    quality = {"markers": latched, "debug_image": latched}
    publishers = {
        topic: robot.node.create_publisher(type(message), f"/{topic}", quality.get(topic, 1))
        for topic, message in said.items()
    }

    def speak() -> None:
        for topic, message in said.items():
            publishers[topic].publish(message)

    async def carry_out(goal: Any) -> Instruct.Result:
        goal.succeed()
        speak()
        header = HEADER if goal.request.task != "audio_caption" else InstructionResult().header
        return Instruct.Result(result=InstructionResult(header=header, text="cup"))

    server = ActionServer(robot.node, Instruct, "/agent/instruct", carry_out)
    over = threading.Event()

    def calibrate() -> None:
        while not over.wait(0.1):
            publishers["camera_info"].publish(said["camera_info"])

    camera = threading.Thread(target=calibrate)
    camera.start()
    yield speak
    over.set()
    camera.join()
    server.destroy()


def test_last_answer_is_drawn_though_it_was_said_before(
    agent: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent()
    path = tmp_path / "last.png"
    assert main(["--output", str(path), "--size", "600x300", "--view", "top"]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    assert size_of(path) == (600, 300)


def test_an_instruction_is_asked_and_its_answer_drawn(
    agent: Callable[[], None], tmp_path: Path
) -> None:
    del agent
    path = tmp_path / "asked.jpg"
    assert main(["find the cup", "--output", str(path), "--view", "35,-120"]) == 0
    assert size_of(path) == (1500, 700)


def test_an_answer_about_no_picture_cannot_be_shown(
    agent: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    del agent
    assert main(["listen", "--task", "audio_caption"]) == 1
    assert "is about no picture" in capsys.readouterr().err
    assert main(["listen", "--task", "no_such"]) == 1
    assert "no task 'no_such'" in capsys.readouterr().err


def test_a_silent_agent_and_none_are_told_apart(
    agent: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    del agent
    assert main(["--wait", "5"]) == 1  # time to find the agent
    assert "markers and debug_image are silent" in capsys.readouterr().err
    assert main(["--wait", "0.1", "--name", "nobody"]) == 1
    assert "no /nobody after 0.1 s. Start it with ./uio2 up" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_said(
    agent: Callable[[], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent()
    assert main(["--output", str(tmp_path / "no" / "folder.png")]) == 1
    assert "is its folder there?" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "picture.nonsense")]) == 1
    assert "give a .png or .jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--size", "wide"), "not WIDTHxHEIGHT"),
        (("--size", "99x700"), "100 to 10000 pixels"),
        (("--view", "sideways"), "neither behind, left, front, top nor ELEVATION,AZIMUTH"),
    ],
)
def test_wrong_arguments_are_named(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


# Recordings.


def record(path: Path) -> None:
    """An MCAP file as rosbag2 writes it, of the drawing."""
    said = messages()["debug_image"]
    names = ("header", "height", "width", "encoding", "is_bigendian", "step")
    drawing = {name: getattr(said, name) for name in names} | {"data": bytes(said.data)}
    with path.open("wb") as stream:
        writer = Writer(stream)
        schema = writer.register_msgdef("sensor_msgs/msg/Image", IMAGE_DEFINITION)
        writer.write_message("/debug_image", schema, drawing, log_time=10**9)
        writer.finish()


HEADER_DEFINITION = """
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
IMAGE_DEFINITION = (
    "std_msgs/Header header\nuint32 height\nuint32 width\nstring encoding\n"
    "uint8 is_bigendian\nuint32 step\nuint8[] data" + HEADER_DEFINITION
)


def test_a_recording_is_drawn_without_an_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, path = tmp_path / "drive.mcap", tmp_path / "drive.png"
    record(recording)
    words = ["--recording", str(recording), "--output", str(path)]
    assert main(words) == 0
    assert size_of(path) == (1500, 700)
    assert main([*words, "--namespace", "robot1"]) == 1
    assert "neither markers nor debug_image in namespace /robot1/" in capsys.readouterr().err


def test_what_is_no_recording_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.mcap").write_bytes(b"no recording, but long enough to be read as one")
    for name in ("no.mcap", "missing.mcap"):
        assert main(["--recording", str(tmp_path / name)]) == 1
        assert "cannot be read as an MCAP recording" in capsys.readouterr().err


# What was heard.


def depth_in(scene: Scene) -> float | None:
    """How far ahead the dots of a scene are."""
    return next((s.points[:, 0].max() for s in scene.shapes if isinstance(s, Dots)), None)


def test_markers_depth_and_camera_are_one_scene() -> None:
    heard = PublishedAnswer()
    for topic, message in messages().items():
        heard.take(topic, message)
    assert heard.drawn == heard.marked == 7_000_000_001
    assert heard.has_camera
    assert heard.is_connected
    (scene,) = heard.scenes("")
    assert scene.title == "camera_optical_frame, turned upright"
    assert depth_in(scene) == pytest.approx(2.0)


def test_depth_of_another_picture_is_not_shown() -> None:
    heard, said = PublishedAnswer(), messages()
    said["depth"].header = header(8_000_000_000, "camera_optical_frame")
    for topic, message in said.items():
        heard.take(topic, message)
    assert depth_in(heard.scenes("")[0]) is None


def test_depth_in_millimetres_is_the_same() -> None:
    heard, said = PublishedAnswer(), messages()
    said["depth"] = depth_message(np.full((48, 64), 2.0, np.float32), HEADER, millimetres=True)
    for topic, message in said.items():
        heard.take(topic, message)
    assert depth_in(heard.scenes("")[0]) == pytest.approx(2.0)


def test_latched_topics_are_asked_for_as_such() -> None:
    latched = {
        topic
        for topic, (_, quality) in TOPICS.items()
        if quality.durability == DurabilityPolicy.TRANSIENT_LOCAL
    }
    assert latched == {"markers", "debug_image", "/tf_static"}
    assert isinstance(messages()["markers"], MarkerArray)
