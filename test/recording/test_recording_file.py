"""Files: what the official readers make of them, and what is left of those that end early."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcap.reader import make_reader
from mcap_ros2.reader import read_ros2_messages
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from uio2_ros.msg import InstructionResult

from uio2_ros.recording.definitions import definition_of
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.mcap_file import MAGIC
from uio2_ros.recording.offered_qos import profile_of, to_yaml
from uio2_ros.recording.recorded import Topic
from uio2_ros.recording.recording_file import Recording
from uio2_ros.recording.recording_writer import RecordingWriter

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TYPE = "uio2_ros/msg/InstructionResult"


def result(text: str) -> InstructionResult:
    message = InstructionResult(text=text, scores=[0.5, -1.0], options=["a", "b"])
    message.header.stamp.sec = 7
    return message


def topic(name: str = "/agent/result") -> Topic:
    return Topic(name, TYPE, definition_of(TYPE), to_yaml([LATCHED]))


def write(path: Path, count: int = 3, compression: str = "zstd") -> list[bytes]:
    writer = RecordingWriter(path, compression)
    writer.add_topic(topic())
    contents = [serialize_message(result(f"answer {number}")) for number in range(count)]
    for number, data in enumerate(contents):
        writer.add("/agent/result", data, received_ns=1000 + number, published_ns=900 + number)
    writer.add_note("agent", {"model": "synthetic"})
    writer.close()
    return contents


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_bytes_come_back_with_their_times(tmp_path: Path, compression: str) -> None:
    contents = write(tmp_path / "a.mcap", compression=compression)
    recording = Recording(tmp_path / "a.mcap")
    messages = list(recording.messages())
    assert [message.data for message in messages] == contents
    assert [message.time_ns for message in messages] == [1000, 1001, 1002]
    assert messages[0].topic == topic()
    assert recording.is_complete
    assert recording.notes == {"agent": {"model": "synthetic"}}


def test_the_official_reader_decodes_with_the_schema_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap")
    read = list(read_ros2_messages(tmp_path / "a.mcap"))
    assert [message.ros_msg.text for message in read] == ["answer 0", "answer 1", "answer 2"]
    assert read[0].ros_msg.header.stamp.sec == 7
    assert list(read[0].ros_msg.options) == ["a", "b"]
    assert read[0].log_time_ns == 1000
    with (tmp_path / "a.mcap").open("rb") as file:
        reader = make_reader(file)
        assert reader.get_header().profile == "ros2"
        summary: Any = reader.get_summary()
        (channel,), (schema,) = summary.channels.values(), summary.schemas.values()
    assert (channel.message_encoding, schema.encoding, schema.name) == ("cdr", "ros2msg", TYPE)
    assert "durability: transient_local" in channel.metadata["offered_qos_profiles"]


def test_definition_holds_every_type_once_and_in_full_names() -> None:
    text = definition_of(TYPE)
    names = [line.split()[1] for line in text.splitlines() if line.startswith("MSG: ")]
    assert len(names) == len(set(names))
    assert {"std_msgs/Header", "builtin_interfaces/Time", "vision_msgs/Detection2D"} <= set(names)
    assert {"uio2_ros/Plan", "uio2_ros/ActionStep", "geometry_msgs/Quaternion"} <= set(names)


def test_types_that_are_not_installed_are_named() -> None:
    with pytest.raises(RecordingError, match="no definition of nowhere_msgs/msg/Thing"):
        definition_of("nowhere_msgs/msg/Thing")
    with pytest.raises(RecordingError, match="is no message type such as"):
        definition_of("Thing")


def test_qos_goes_there_and_back() -> None:
    best_effort = QoSProfile(depth=3, reliability=ReliabilityPolicy.BEST_EFFORT)
    back = profile_of(to_yaml([best_effort]))
    assert (back.reliability, back.depth) == (ReliabilityPolicy.BEST_EFFORT, 3)
    assert back.durability is DurabilityPolicy.VOLATILE
    mixed = profile_of(to_yaml([best_effort, LATCHED]))
    assert mixed.durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert mixed.reliability is ReliabilityPolicy.RELIABLE


def test_qos_of_rosbag2_is_understood_in_words_and_numbers() -> None:
    numbers = "- history: 1\n  depth: 5\n  reliability: 2\n  durability: 1\n"
    words = "- history: keep_last\n  depth: 5\n  reliability: best_effort\n"
    for text in (numbers, words + "  durability: transient_local\n"):
        profile = profile_of(text)
        assert profile.reliability is ReliabilityPolicy.BEST_EFFORT
        assert profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert profile_of("").depth == 10
    with pytest.raises(RecordingError, match="QoS of a topic in this recording"):
        profile_of("- depth: many\n")


def test_a_recorder_that_is_killed_leaves_what_it_flushed(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    program = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from uio2_ros.recording.recorded import Topic
from uio2_ros.recording.recording_writer import RecordingWriter
writer = RecordingWriter(Path({str(path)!r}))
writer.add_topic(Topic("/t", "std_msgs/msg/String", "string data"))
for number in range(5):
    writer.add("/t", b"flushed", received_ns=number, published_ns=number)
writer.flush()
writer.add("/t", b"lost", received_ns=9, published_ns=9)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    recording = Recording(path)
    assert [message.data for message in recording.messages()] == [b"flushed"] * 5
    assert not recording.is_complete


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_file_that_is_cut_short_is_read_up_to_there(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.mcap"
    write(path)
    path.write_bytes(path.read_bytes()[:-cut])
    recording = Recording(path)
    assert len(list(recording.messages())) == 3
    assert not recording.is_complete


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "begins with b''"), (b"PNG and so on...", "begins with b'PNG"), (MAGIC, "damaged")],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=reason):
        Recording(path)


def test_a_file_that_is_not_there_and_one_that_is(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        Recording(tmp_path / "none.mcap")
    write(tmp_path / "a.mcap")
    with pytest.raises(RecordingError, match=r"exists already; name another file with -o"):
        RecordingWriter(tmp_path / "a.mcap")
    with pytest.raises(RecordingError, match="cannot be written: No such file"):
        RecordingWriter(tmp_path / "no" / "folder.mcap")


def fill(writer: RecordingWriter) -> None:
    for number in range(100):
        writer.add("/t", bytes(1000), received_ns=number, published_ns=number)
        writer.flush()


def test_a_full_disk_is_said_and_what_is_there_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    writer = RecordingWriter(path, "none")
    writer.add_topic(Topic("/t", "std_msgs/msg/String", "string data"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(RecordingError, match=r"a\.mcap cannot be written on"):
            fill(writer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert 1 <= len(list(Recording(path).messages())) <= 4


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    write(path, count=50)
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="damaged"):
        list(Recording(path).messages())
