"""An agent's instructions are recorded, and asked again without it: the same answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, picture, wait_until
from rclpy.serialization import deserialize_message, serialize_message
from uio2_ros.msg import Asked

from uio2_ros.cli import replay
from uio2_ros.client import AgentClient
from uio2_ros.recording.recording_file import Recording
from uio2_ros.recording.recording_writer import RecordingWriter

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an agent was asked while a camera ran: text, boxes, a plan, pictures of the past."""
    folder = tmp_path_factory.mktemp("recording")
    path, over = folder / "a.mcap", threading.Event()
    command = [sys.executable, "-m", "uio2_ros.cli", "record", "-o", str(path)]
    with AgentProcess(folder, threads=1, history__period=0.2) as agent, Robot() as robot:
        agent.wait_until_logged("active: ask")
        recorder = subprocess.Popen([*command, "/image", "/agent/asked"], env=dict(os.environ))

        def film() -> None:
            seed = 0
            while not over.wait(0.1):
                robot.show(picture(seed=(seed := seed + 1)))

        robot.show()
        wait_until(lambda: robot.node.count_subscribers("/image") == 2, "the recorder")
        wait_until(lambda: robot.node.count_subscribers("/agent/asked") == 1, "the recorder")
        camera = threading.Thread(target=film)
        camera.start()
        with AgentClient() as client:
            wait_until(lambda: client.clear_history() is None, "the agent")
            wait_until(lambda: len(recent(robot)) > 3, "pictures of the recorder's time")
            client.locate("the cup")
            client.vqa("what is it?", ("cup", "plate"))
            client.plan("put it away", seed=3)
            client.video_caption()
        over.set()
        camera.join()
        recorder.send_signal(signal.SIGINT)
        assert recorder.wait(30) == 0
    return path


def recent(robot: Robot) -> list[object]:
    state = robot._history
    return list(state.frame_stamps) if state else []


def test_the_same_model_gives_the_same_answers(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = replay.main([str(recorded), "--verify"])
    shown = capsys.readouterr()
    assert code == 0, shown.out + shown.err
    assert shown.out.splitlines()[-1] == "4 identical"
    assert "asking synthetic again" in shown.err


def test_pictures_of_the_past_are_part_of_it(recorded: Path) -> None:
    asked = [
        deserialize_message(message.data, Asked)
        for message in Recording(recorded).messages()
        if message.topic.type_name == "uio2_ros/msg/Asked"
    ]
    assert [each.task for each in asked] == ["refexp", "vqa", "plan", "video_caption"]
    assert len(asked[3].frame_stamps) >= 1
    assert asked[2].seed == 3


def test_other_answers_and_pictures_that_are_missing_are_told(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.mcap"
    writer, topics, count = RecordingWriter(path), set(), 0
    for message in Recording(recorded).messages():
        data = message.data
        if message.topic.type_name == "uio2_ros/msg/Asked":
            asked = deserialize_message(data, Asked)
            count += 1
            if count == 1:
                asked.result.text = "something else"
            if count == 2:
                asked.result.header.stamp.sec = 1
            data = serialize_message(asked)
        if message.topic.name not in topics:
            topics.add(message.topic.name)
            writer.add_topic(message.topic)
        writer.add(
            message.topic.name, data, received_ns=message.time_ns, published_ns=message.time_ns
        )
    writer.close()
    assert replay.main([str(path), "--verify", "--model", "synthetic"]) == 1
    shown = capsys.readouterr().out
    assert "different (text): refexp: 'the cup'" in shown
    assert "is not in the recording: it was lost" in shown


def test_a_recording_without_instructions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mcap"
    RecordingWriter(path).close()
    assert replay.main([str(path), "--verify"]) == 2
    assert "record the agent's ~/asked too" in capsys.readouterr().err
