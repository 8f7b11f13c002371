"""Recordings that others made: what is read, in which order, and what is refused with a remedy."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml
import zstandard
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

from uio2_ros.cli.data import main
from uio2_ros.data.import_settings import RecordingSettings
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError
from uio2_ros.recording.definitions import definition_of
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorded import Recorded
from uio2_ros.recording.recording_file import Recording
from uio2_ros.recording.to_samples import import_recording
from uio2_ros.robot.action_space import ActionSpace, Axis, Dimension, DimensionKind, SpaceKind

CASES = Path(__file__).parent / "cases"
GOOD = CASES / "rosbag2_order.mcap"
BEGAN_NS = 1_750_000_000_000_000_000
TOPICS = {"/image", "/cmd_vel", "/camera_info"}
COUNT = 60 + 60 + 120


def drive(chunk: int = 10) -> ActionSpace:
    forward = Dimension("forward", DimensionKind.VELOCITY, "m/s", -1.0, 1.0, axis=Axis.X)
    return ActionSpace(
        "drive", SpaceKind.CONTINUOUS, "base", "base_link", (forward,), rate_hz=10, chunk=chunk
    )


def samples(path: Path, **settings: Any) -> list[Sample]:
    chosen = {"instruction": "go", "history_frames": 0, **settings}
    return list(import_recording(path, RecordingSettings(drive(), **chosen)))


def moment_of_picture(sample: Sample) -> float:
    assert sample.observation.image is not None
    return int(sample.observation.image.pixels[10, 50, 0]) / 40


def write_bag(folder: Path, files: list[Path], **told: Any) -> Path:
    content = {"version": 5, "relative_file_paths": [file.name for file in files], **told}
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": content}))
    return folder


def write_mcap(path: Path, messages: list[Recorded], **how: Any) -> Path:
    with path.open("wb") as file:
        writer = Writer(file, **how)
        writer.start(profile="", library="test")
        channels: dict[str, int] = {}
        for message in messages:
            topic = message.topic
            if topic.name not in channels:
                text = (topic.definition or "").encode()
                schema = writer.register_schema(topic.type_name, "ros2msg", text)
                channels[topic.name] = writer.register_channel(topic.name, "cdr", schema)
            writer.add_message(channels[topic.name], message.time_ns, message.data, 0)
        writer.finish()
    return path


def write_database(path: Path, messages: list[Recorded], *, with_definitions: bool) -> Path:
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, "
        "serialization_format TEXT, offered_qos_profiles TEXT);"
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, "
        "data BLOB);"
    )
    topics = {message.topic.name: message.topic for message in messages}
    numbers = {name: number for number, name in enumerate(topics, 1)}
    for name, topic in topics.items():
        row = (numbers[name], name, topic.type_name, "cdr", "")
        database.execute("INSERT INTO topics VALUES (?, ?, ?, ?, ?)", row)
    if with_definitions:
        database.execute(
            "CREATE TABLE message_definitions(id INTEGER PRIMARY KEY, topic_type TEXT, "
            "encoding TEXT, encoded_message_definition TEXT, type_description_hash TEXT)"
        )
        for number, topic in enumerate(topics.values(), 1):
            row = (number, topic.type_name, "ros2msg", topic.definition, "")
            database.execute("INSERT INTO message_definitions VALUES (?, ?, ?, ?, ?)", row)
    for message in messages:
        database.execute(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)",
            (numbers[message.topic.name], message.time_ns, message.data),
        )
    database.commit()
    database.close()
    return path


def expect_whole(path: Path) -> None:
    """All messages in the order of time, and each picture with the velocities that followed it."""
    recording = Recording(path)
    times = [message.time_ns for message in recording.messages()]
    assert times == sorted(times)
    assert len(times) == COUNT
    assert set(recording.topics()) == TOPICS
    assert recording.is_complete
    found = samples(path)
    assert len(found) == 11
    for sample in found:
        assert sample.observation.image is not None
        second = (sample.observation.image.stamp_ns - BEGAN_NS) / 1e9
        assert moment_of_picture(sample) == pytest.approx(second, abs=0.01)
        first = sample.tasks[0].answer.plan.steps[0].values[0]
        assert first == pytest.approx(0.05 * int(second + 1e-6))


@pytest.mark.parametrize("name", ["rosbag2_order", "shuffled", "message_mode_zstd", "beside_json"])
def test_recordings_of_other_tools_are_read_in_the_order_of_time(name: str) -> None:
    expect_whole(CASES / f"{name}.mcap")


def test_messages_are_sorted_whatever_lies_in_a_chunk(tmp_path: Path) -> None:
    messages = list(Recording(GOOD).messages())
    by_topic = sorted(messages, key=lambda message: message.topic.name)
    for how in ({"use_chunking": False}, {"chunk_size": 20_000}):
        expect_whole(write_mcap(tmp_path / "by_topic.mcap", by_topic, **how))


def test_a_bag_is_the_files_that_its_metadata_names(tmp_path: Path) -> None:
    messages = list(Recording(GOOD).messages())
    halves = messages[::2], messages[1::2]
    names = [tmp_path / f"bag_{number}.mcap" for number in range(2)]
    files = [write_mcap(path, half) for path, half in zip(names, halves, strict=True)]
    expect_whole(write_bag(tmp_path, files))
    files[1].unlink()
    with pytest.raises(RecordingError, match=r"names bag_1\.mcap, which is not there"):
        Recording(tmp_path)
    (tmp_path / "metadata.yaml").unlink()
    with pytest.raises(RecordingError, match="ros2 bag reindex"):
        Recording(tmp_path)
    (tmp_path / "metadata.yaml").write_text("[what]")
    with pytest.raises(RecordingError, match=r"metadata\.yaml is damaged"):
        Recording(tmp_path)


@pytest.mark.parametrize("with_definitions", [True, False])
def test_a_database_is_read_with_or_without_definitions(
    tmp_path: Path, with_definitions: bool
) -> None:
    messages = list(Recording(GOOD).messages())
    path = tmp_path / "bag_0.db3"
    write_database(path, messages[::-1], with_definitions=with_definitions)
    expect_whole(path)
    definition = Recording(path).topics()["/cmd_vel"].definition
    assert (definition is not None) is with_definitions


def test_files_that_were_compressed_as_a_whole_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "bag_0.mcap.zstd"
    packed.write_bytes(zstandard.compress(GOOD.read_bytes()))
    expect_whole(write_bag(tmp_path, [packed], compression_mode="FILE"))
    packed.write_bytes(packed.read_bytes()[:2000])
    with pytest.raises(RecordingError, match=r"zstd"):
        Recording(packed).topics()


def test_damage_is_said_with_what_saves_the_rest(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"is damaged: .*mcap recover damaged_lz4\.mcap"):
        Recording(CASES / "damaged_lz4.mcap").topics()
    path = tmp_path / "a.mcap"
    write_mcap(path, list(Recording(GOOD).messages()), compression=CompressionType.NONE)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"is damaged: crc validation failed"):
        Recording(path).topics()


def test_a_wrong_length_in_a_finished_file_is_not_taken_for_its_end(tmp_path: Path) -> None:
    content = bytearray(GOOD.read_bytes())
    with GOOD.open("rb") as file:
        reader = StreamReader(file, emit_chunks=True)
        next(record for record in reader.records if type(record).__name__ == "Chunk")
        next_record = file.tell()
    content[next_record + 1 : next_record + 9] = (2**40).to_bytes(8, "little")
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(RecordingError, match="is damaged"):
        Recording(tmp_path / "a.mcap").topics()


@pytest.mark.parametrize("claimed", [10, 2**40])
def test_a_chunk_that_is_not_as_long_as_it_says_is_refused(tmp_path: Path, claimed: int) -> None:
    content = bytearray(GOOD.read_bytes())
    with GOOD.open("rb") as file:
        records = StreamReader(file, emit_chunks=True).records
        next(records)
        start = file.tell()
    size_at = start + 9 + 16  # opcode, length, two times
    content[size_at : size_at + 8] = claimed.to_bytes(8, "little")
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(RecordingError, match="is damaged"):
        Recording(tmp_path / "a.mcap").topics()


@pytest.mark.parametrize("content", [b"#ROSBAG V2.0\n", b""])
def test_recordings_of_ros_1_are_refused_with_what_converts_them(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "old.bag"
    if content:
        path.write_bytes(content)
    else:
        with path.open("wb") as file:
            writer = Writer(file)
            writer.start(profile="ros1", library="test")
            writer.finish()
    with pytest.raises(RecordingError, match=f"rosbags-convert --src {path} --dst"):
        Recording(path)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "a.db3")
    database.execute("CREATE TABLE songs(id INTEGER)")
    database.commit()
    database.close()
    with pytest.raises(RecordingError, match="is a database, but no bag"):
        Recording(tmp_path / "a.db3")
    content = (tmp_path / "a.db3").read_bytes()
    (tmp_path / "a.db3").write_bytes(content[:100] + bytes(len(content) - 100))
    with pytest.raises(RecordingError, match="is damaged"):
        Recording(tmp_path / "a.db3")


def test_a_channel_that_is_not_of_ros_is_no_reason_to_refuse_the_others() -> None:
    recording = Recording(CASES / "beside_json.mcap")
    assert set(recording.topics()) == TOPICS
    assert "'json' and not cdr" in recording.unreadable["/events"]
    with pytest.raises(DataSetError, match="/events cannot be read: its messages are 'json'"):
        samples(CASES / "beside_json.mcap", words_topic="/events")


def test_a_type_that_is_defined_otherwise_is_taken_as_installed(tmp_path: Path) -> None:
    """ros2idl says what ros2msg does, in a language of its own."""
    path = tmp_path / "a.mcap"
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2", library="test")
        schema = writer.register_schema("std_msgs/msg/String", "ros2idl", b"module std_msgs {};")
        channel = writer.register_channel("/words", "cdr", schema)
        writer.add_message(channel, 1, b"\0\1\0\0\2\0\0\0a\0", 1)
        writer.finish()
    assert Recording(path).topics()["/words"].definition is None


def test_a_failed_import_leaves_nothing_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space, made = tmp_path / "drive.yaml", tmp_path / "set"
    space.write_text(
        "name: drive\nkind: continuous\nframe_id: base_link\nrate_hz: 10\nchunk: 10\ndimensions:\n"
        "  - {name: forward, kind: velocity, axis: x, unit: m/s, range: [-1, 1]}\n"
    )
    good, bad = str(GOOD), str(CASES / "damaged_lz4.mcap")
    settings = ["--action-space", str(space), "--instruction", "go"]
    assert main(["import", "recording", good, bad, str(made), *settings]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert not made.exists()
    assert main(["import", "recording", good, str(made), *settings]) == 0
    assert main(["import", "recording", good, bad, str(made), *settings]) == 1
    assert len(list(made.glob("shard-*.tar"))) == 1, "what was there before stays"


def test_several_publishers_of_a_topic_are_one_topic(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    text = definition_of("std_msgs/msg/String").encode()
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2", library="test")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", text)
        for number, qos in enumerate(("", "- depth: 1\n  reliability: 1\n  durability: 1\n")):
            channel = writer.register_channel("/t", "cdr", schema, {"offered_qos_profiles": qos})
            writer.add_message(channel, 2 - number, b"\0\1\0\0\1\0\0\0\0", 1)
        writer.finish()
    recording = Recording(path)
    assert len({message.topic for message in recording.messages()}) == 1
    assert [message.time_ns for message in recording.messages()] == [1, 2]
