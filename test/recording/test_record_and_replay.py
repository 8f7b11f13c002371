"""`./uio2 record` and `./uio2 replay` over real DDS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes.robot import LATCHED, Robot, header, picture, wait_until
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recording_file import Recording

pytestmark = pytest.mark.ros

COUNT = 5


@pytest.fixture
def robot() -> Iterator[Robot]:
    with Robot() as robot:
        yield robot


def start(command: str, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "uio2_ros.cli", command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


def recorded_so_far(path: Path) -> int:
    """How many messages a recorder has flushed."""
    try:
        return sum(1 for _ in Recording(path).messages())
    except (FileNotFoundError, RecordingError):
        return 0  # not even its beginning


def recorded_images(path: Path) -> list[Image]:
    """The pictures that a recorder has flushed."""
    if not recorded_so_far(path):
        return []
    recorded = [m.data for m in Recording(path).messages() if m.topic.name == "/image"]
    return [deserialize_message(data, Image) for data in recorded]


def contains(heard: list[Image], images: list[Image]) -> bool:
    """Whether these came one after another: best effort loses some before writer and reader know
    each other, and where nobody was quick enough."""
    starts = range(len(heard) - len(images) + 1)
    return any(heard[start : start + len(images)] == images for start in starts)


def image(number: int) -> Image:
    pixels = picture(seed=number)
    height, width = pixels.shape[:2]
    return Image(
        header=header(10**9 * (number + 1)),
        height=height,
        width=width,
        encoding="rgb8",
        step=width * 3,
        data=pixels.tobytes(),
    )


def test_topics_go_to_a_file_and_back_to_the_bit(robot: Robot, tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    robot.node.create_publisher(String, "/name", LATCHED).publish(String(data="latched"))
    robot.node.create_publisher(Image, "/image", qos_profile_sensor_data)
    recorder = start("record", "-o", str(path), "/image", "name", "/silent")
    images = [image(number) for number in range(COUNT)]

    def is_recorded() -> bool:
        for message in images:
            robot.publish("/image", message)
            time.sleep(0.05)  # best effort, and the recorder's distances in time
        return contains(recorded_images(path), images)

    wait_until(is_recorded, "a recording of all pictures in their order")
    recorder.send_signal(signal.SIGINT)
    told, warned = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, warned
    recorded = recorded_images(path)
    assert f"{len(recorded) + 1} messages of 2 topics" in told
    assert "nobody published /silent" in warned
    robot.unpublish("/image")

    with Robot() as audience:
        heard: list[Image] = []
        audience.node.create_subscription(Image, "/image", heard.append, qos_profile_sensor_data)
        player = start("replay", str(path), "/image", "/name", "--rate", "5", "--loop")
        wait_until(lambda: contains(heard, recorded), "a round of which no picture is lost")
        player.send_signal(signal.SIGINT)
        told, warned = player.communicate(timeout=30)
        assert player.returncode == 130, warned
        assert told.endswith(" messages of 2 topics\n")


def test_who_comes_late_still_gets_what_was_latched(robot: Robot, tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    latched = robot.node.create_publisher(CameraInfo, "/camera_info", LATCHED)
    latched.publish(CameraInfo(width=64))
    recorder = start("record", "-o", str(path), "/camera_info")
    wait_until(lambda: recorded_so_far(path) == 1, "the recorder's next flush")
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(30) == 0
    robot.node.destroy_publisher(latched)
    player = start("replay", str(path), "--loop", "--rate", "0.001")
    robot.listen("/camera_info", CameraInfo, LATCHED)
    assert robot.heard("/camera_info").width == 64
    with Robot() as late:
        late.listen("/camera_info", CameraInfo, LATCHED)
        assert late.heard("/camera_info").width == 64
    player.send_signal(signal.SIGINT)
    assert player.wait(20) == 130


def test_a_recording_of_another_tool_is_played_but_for_what_is_not_of_ros() -> None:
    path = str(Path(__file__).parent / "cases" / "beside_json.mcap")
    player = start("replay", path, "--rate", "100")
    told, warned = player.communicate(timeout=30)
    assert (player.returncode, told) == (0, "240 messages of 3 topics\n"), warned
    assert "/events is left out: its messages are 'json' and not cdr" in warned
    player = start("replay", path, "/events")
    _, warned = player.communicate(timeout=30)
    assert player.returncode == 2
    assert "/events is not recorded" in warned
    assert "'json' and not cdr" in warned


def test_problems_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(b"something else entirely")
    for command, words, reason in (
        ("replay", (str(tmp_path / "a.mcap"),), "is no recording"),
        ("replay", (str(tmp_path / "none.mcap"),), "No such file"),
        ("replay", (str(tmp_path / "a.mcap"), "--rate", "0"), "no rate"),
        ("record", ("-o", str(tmp_path / "a.mcap")), "exists already"),
    ):
        program = start(command, *words)
        _, warned = program.communicate(timeout=30)
        assert program.returncode == 2
        assert reason in warned
        assert "Traceback" not in warned
