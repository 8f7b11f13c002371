"""Recordings of ROS 2 topics, written by MCAP's own writer, as samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("mcap_ros2")
from mcap_ros2.writer import Writer

from uio2_ros.cli.data import main
from uio2_ros.data.import_settings import RecordingSettings
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSet, DataSetError
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.to_samples import import_recording
from uio2_ros.robot.action_space import (
    ActionSpace,
    Axis,
    Dimension,
    DimensionKind,
    SpaceKind,
    load_action_spaces,
)

HEADER = "std_msgs/Header header\n"
STAMP = (
    f"\n{'=' * 80}\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
    f"{'=' * 80}\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)
TWIST = (
    "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular\n"
    f"{'=' * 80}\nMSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n"
)
TYPES = {
    "sensor_msgs/msg/Image": HEADER + "uint32 height\nuint32 width\nstring encoding\n"
    "uint8 is_bigendian\nuint32 step\nuint8[] data\n" + STAMP,
    "sensor_msgs/msg/CompressedImage": HEADER + "string format\nuint8[] data\n" + STAMP,
    "sensor_msgs/msg/JointState": HEADER
    + "string[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n"
    + STAMP,
    "sensor_msgs/msg/CameraInfo": HEADER
    + "uint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k\n"
    + "float64[9] r\nfloat64[12] p\nuint32 binning_x\nuint32 binning_y\n"
    + "sensor_msgs/RegionOfInterest roi\n"
    + STAMP
    + f"{'=' * 80}\nMSG: sensor_msgs/RegionOfInterest\nuint32 x_offset\nuint32 y_offset\n"
    + "uint32 height\nuint32 width\nbool do_rectify\n",
    "uio2_ros/msg/AudioChunk": HEADER
    + "uint32 sample_rate\nuint8 channels\nstring encoding\nuint8[] data\n"
    + STAMP,
    "audio_common_msgs/msg/AudioData": "uint8[] data\n",
    "audio_common_msgs/msg/AudioInfo": "uint8 channels\nuint32 sample_rate\n"
    "string sample_format\nuint32 bitrate\nstring coding_format\n",
    "geometry_msgs/msg/Twist": TWIST,
    "std_msgs/msg/String": "string data\n",
}
NOW = {"stamp": {"sec": 0, "nanosec": 0}, "frame_id": "camera_optical_frame"}
RATE_HZ = 10


def arm_space(high: float = 3.0, chunk: int = 3) -> ActionSpace:
    made = (
        Dimension("shoulder", DimensionKind.JOINT, "rad", -3.0, high, joint="joint1"),
        Dimension("gripper", DimensionKind.GRIPPER, "m", 0.0, 0.1, joint="finger"),
    )
    return ActionSpace(
        "arm", SpaceKind.CONTINUOUS, "joints", "base_link", made, rate_hz=RATE_HZ, chunk=chunk
    )


def base_space() -> ActionSpace:
    made = (
        Dimension("forward", DimensionKind.VELOCITY, "m/s", -1.0, 1.0, axis=Axis.X),
        Dimension("turn", DimensionKind.VELOCITY, "rad/s", -2.0, 2.0, axis=Axis.Z),
    )
    return ActionSpace(
        "base", SpaceKind.CONTINUOUS, "base", "base_link", made, rate_hz=RATE_HZ, chunk=4
    )


Message = tuple[float, str, str, dict[str, Any]]  # time in seconds, topic, type, content


def write(path: Path, messages: Sequence[Message]) -> Path:
    with path.open("wb") as file:
        writer = Writer(file)
        schemas = {name: writer.register_msgdef(name, text) for name, text in TYPES.items()}
        for at_s, topic, kind, content in sorted(messages, key=lambda one: one[0]):
            writer.write_message(
                topic, schemas[kind], content, round(at_s * 1e9), round(at_s * 1e9)
            )
        writer.finish()
    return path


def picture(at_s: float, topic: str = "/camera/image_raw") -> Message:
    """Its red is the time in tenths of a second."""
    pixels = np.zeros((24, 32, 3), np.uint8)
    pixels[..., 0] = round(at_s * 10)
    content = {"header": NOW, "height": 24, "width": 32, "encoding": "rgb8", "is_bigendian": 0}
    return (at_s, topic, "sensor_msgs/msg/Image", {**content, "step": 96, "data": pixels.tobytes()})


def joints(at_s: float) -> Message:
    content = {"header": NOW, "name": ["finger", "other", "joint1"]}
    position = [0.01 * at_s, 9.0, at_s - 1]
    told = {**content, "position": position, "velocity": [], "effort": []}
    return (at_s, "/joint_states", "sensor_msgs/msg/JointState", told)


def twist(at_s: float, forward: float, turn: float = 0.0) -> Message:
    still = {"x": 0.0, "y": 0.0, "z": 0.0}
    content = {"linear": {**still, "x": forward}, "angular": {**still, "z": turn}}
    return (at_s, "/cmd_vel", "geometry_msgs/msg/Twist", content)


def camera_info(width: int = 32, fx: float = 30.0, **changes: Any) -> Message:
    content = {
        "header": NOW,
        "height": 24,
        "width": width,
        "distortion_model": "plumb_bob",
        "d": [0.0] * 5,
        "k": [fx, 0.0, 15.5, 0.0, fx, 11.5, 0.0, 0.0, 1.0],
        "r": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        "p": [0.0] * 12,
        "binning_x": 0,
        "binning_y": 0,
        "roi": {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False},
        **changes,
    }
    return (0.0, "/camera/camera_info", "sensor_msgs/msg/CameraInfo", content)


def sound(at_s: float, level: float, rate: int = 8000) -> Message:
    """A tenth of a second, in stereo."""
    data = np.full((rate // 10, 2), level * 32768, "<i2").tobytes()
    content = {"header": NOW, "sample_rate": rate, "channels": 2, "encoding": "S16LE", "data": data}
    return (at_s, "/audio", "uio2_ros/msg/AudioChunk", content)


def words(at_s: float, text: str) -> Message:
    return (at_s, "/instruction", "std_msgs/msg/String", {"data": text})


def tenths(seconds: float) -> list[float]:
    return [number / 10 for number in range(round(seconds * 10) + 1)]


def working() -> list[Message]:
    """Three seconds of an arm at work."""
    return [
        *(picture(at_s) for at_s in tenths(3)),
        *(joints(at_s) for at_s in tenths(3)),
    ]


def samples(path: Path, space: ActionSpace | None = None, **settings: Any) -> list[Sample]:
    given = {"instruction": "pick it up", "period_s": 1.0, **settings}
    return list(import_recording(path, RecordingSettings(space or arm_space(), **given)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "day 1.mcap"


def values(sample: Sample) -> np.ndarray:
    return np.array([step.values for step in sample.tasks[0].answer.plan.steps])


def test_a_picture_has_the_joints_that_followed(path: Path) -> None:
    found = samples(write(path, working()))
    assert len(found) == 3  # at 0, 1 and 2 seconds
    for second, sample in enumerate(found):
        expected = second + np.array([0.1, 0.2, 0.3])
        np.testing.assert_allclose(values(sample)[:, 0], expected - 1, atol=1e-9)
        np.testing.assert_allclose(values(sample)[:, 1], 0.01 * expected, atol=1e-9)
        assert sample.observation.image.pixels[0, 0].tolist() == [10 * second, 0, 0]
        assert sample.tasks[0].instruction.instruction == "pick it up"
        assert sample.key == f"day-1_{1000 * second:015d}"


def test_earlier_pictures_are_apart(path: Path) -> None:
    *_, last = samples(write(path, working()), history_period_s=0.5, history_frames=3)
    assert [frame.stamp_ns // 10**8 for frame in last.observation.history] == [5, 10, 15]


def test_joints_between_messages_are_interpolated(path: Path) -> None:
    messages = [*(picture(at_s + 0.05) for at_s in tenths(2)), *(joints(t) for t in tenths(3))]
    first, *_ = samples(write(path, messages))
    np.testing.assert_allclose(values(first)[:, 0], np.array([0.15, 0.25, 0.35]) - 1)


def test_velocities_hold_until_the_next_and_end_when_none_comes(path: Path) -> None:
    messages = [picture(0.0), twist(0.0, 0.5, -1.0), twist(0.15, 0.25), twist(2.0, 0.0)]
    (first,) = samples(write(path, messages), base_space(), period_s=5.0)
    np.testing.assert_allclose(values(first), [[0.5, -1.0], [0.5, -1.0], [0.25, 0.0], [0.25, 0.0]])
    messages = [picture(1.0), twist(0.2, 0.5), twist(2.0, 0.0)]
    path.unlink()
    (late,) = samples(write(path, messages), base_space(), period_s=5.0)
    assert not values(late).any()


def test_sound_ends_at_the_picture(path: Path) -> None:
    messages = [*working(), *(sound(at_s, at_s / 10) for at_s in tenths(3))]
    *_, last = samples(write(path, messages), audio_s=0.3)
    assert last.observation.audio_rate == 8000
    heard = last.observation.audio.reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(heard, [0.18, 0.19, 0.2], atol=1e-4)


def test_bytes_are_sound_where_an_audio_info_tells_their_format(path: Path) -> None:
    half = np.full((800, 2), 0.5, "<f4").tobytes()
    told = {"channels": 2, "sample_rate": 8000, "sample_format": "F32LE", "bitrate": 0}
    data_type, info_type = (f"audio_common_msgs/msg/Audio{what}" for what in ("Data", "Info"))
    heard = [(at_s, "/audio", data_type, {"data": half}) for at_s in tenths(3)]
    info = (0.0, "/audio_info", info_type, {**told, "coding_format": "wave"})
    assert samples(write(path, [*working(), *heard]))[2].observation.audio is None
    seen = samples(write(path, [*working(), info, *heard]))[2].observation
    assert seen.audio_rate == 8000
    assert seen.audio == pytest.approx(0.5)


def test_the_instruction_is_what_was_said_last(path: Path) -> None:
    messages = [*working(), words(0.5, "pick it up"), words(1.5, "let it go")]
    found = samples(write(path, messages), instruction="", period_s=0.5)
    told = [sample.tasks[0].instruction.instruction for sample in found]
    assert told == ["pick it up"] * 2 + ["let it go"] * 3


def test_a_camera_is_that_of_the_picture_or_none(path: Path) -> None:
    first, *_ = samples(write(path, [*working(), camera_info()]))
    assert first.observation.camera.fx == 30
    for number, other in enumerate((camera_info(width=64), camera_info(fx=0.0))):
        wrong = write(path.with_name(f"{number}.mcap"), [*working(), other])
        first, *_ = samples(wrong)
        assert first.observation.camera is None


def test_a_recorded_camera_is_read_as_a_live_one_is(path: Path) -> None:
    binned = camera_info(width=64, fx=60.0, height=48, binning_x=2, binning_y=2, d=[-0.1] * 5)
    first, *_ = samples(write(path, [*working(), binned]))
    camera = first.observation.camera
    assert (camera.width, camera.height, camera.fx) == (32, 24, 30)
    assert (camera.distortion_model, camera.distortion) == ("plumb_bob", (-0.1,) * 5)
    unknown = camera_info(distortion_model="omni", d=[0.1])
    with pytest.raises(DataSetError, match=r"day 1\.mcap: .*'omni' is unknown"):
        samples(write(path, [*working(), unknown]))


def test_compressed_pictures_are_read(path: Path) -> None:
    _, data = cv2.imencode(".png", np.full((24, 32, 3), (3, 2, 1), np.uint8))
    content = {"header": NOW, "format": "png", "data": data.tobytes()}
    messages = [(0.0, "/c", "sensor_msgs/msg/CompressedImage", content)]
    messages += [joints(at_s) for at_s in tenths(1)]
    (only,) = samples(write(path, messages))
    assert only.observation.image.pixels[0, 0].tolist() == [1, 2, 3]


def test_topics_are_chosen_by_name(path: Path) -> None:
    messages = [*working(), *(picture(at_s, "/other") for at_s in tenths(3))]
    write(path, messages)
    with pytest.raises(DataSetError, match=r"2 picture topics; name one of: /camera/.*, /other"):
        samples(path)
    assert len(samples(path, picture_topic="other")) == 3
    with pytest.raises(DataSetError, match="no picture topic 'third'"):
        samples(path, picture_topic="third")


def test_what_is_missing_is_named(path: Path) -> None:
    write(path, [picture(0.0)])
    with pytest.raises(DataSetError, match=r"no action topic.*JointState.*/camera/image_raw"):
        samples(path)


def test_other_joints_are_told(path: Path) -> None:
    at_s, topic, kind, content = joints(0.0)
    write(path, [picture(0.0), (at_s, topic, kind, {**content, "name": ["a", "b", "c"]})])
    with pytest.raises(DataSetError, match="joint1, finger"):
        samples(path)


def test_values_beyond_the_action_space_are_told(path: Path) -> None:
    with pytest.raises(DataSetError, match=r"'shoulder'.*-1 to 2.*-3 to 0.5"):
        samples(write(path, working()), arm_space(high=0.5))


def test_poses_are_no_recorded_actions(path: Path) -> None:
    space = load_action_spaces(Path(__file__).parents[2] / "config" / "action_spaces")["ee_delta"]
    with pytest.raises(DataSetError, match="'ee_delta' has dimensions of gripper, position, rot"):
        samples(write(path, working()), space)


def test_sound_whose_rate_changes_is_told(path: Path) -> None:
    with pytest.raises(DataSetError, match="8000 to 16000"):
        samples(write(path, [*working(), sound(0.0, 0.1), sound(0.1, 0.1, 16000)]))


def test_a_broken_picture_is_told(path: Path) -> None:
    at_s, topic, kind, content = picture(0.0)
    broken = (at_s, topic, kind, {**content, "data": b"short"})
    with pytest.raises(
        DataSetError, match=r"camera/image_raw is no sensor_msgs/msg/Image: the data is truncated"
    ):
        samples(write(path, [broken, *(joints(at_s) for at_s in tenths(3))]))


def test_a_message_that_is_not_of_its_type_is_told(path: Path) -> None:
    from mcap.writer import Writer as PlainWriter

    with path.open("wb") as file:
        writer = PlainWriter(file)
        writer.start("ros2", "test")
        for kind in ("sensor_msgs/msg/Image", "sensor_msgs/msg/JointState"):
            schema = writer.register_schema(kind, "ros2msg", TYPES[kind].encode())
            channel = writer.register_channel(f"/{kind[-5:]}", "cdr", schema)
            writer.add_message(channel, 0, b"\x00\x01\x00\x00" + b"\xff" * 40, 0)
        writer.finish()
    with pytest.raises(DataSetError, match="a message of /State is no sensor_msgs/msg/JointState"):
        samples(path)


def test_what_is_no_recording_is_told(path: Path) -> None:
    path.write_text("dear diary")
    with pytest.raises(RecordingError, match="is no recording"):
        samples(path)


@pytest.mark.parametrize(
    "wrong", [{"period_s": 0.0}, {"audio_s": math.inf}, {"history_frames": -1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RecordingSettings(arm_space(), **wrong)


def test_the_command_makes_a_shard_per_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    driving = [*(picture(at_s) for at_s in tenths(3)), *(twist(at_s, 0.2) for at_s in tenths(3))]
    files = [str(write(tmp_path / f"{name}.mcap", driving)) for name in "ab"]
    made = tmp_path / "set"
    command = ["import", "recording", *files, str(made), "--action-space", "diff_drive"]
    assert main([*command, "--instruction", "drive on"]) == 0
    assert "in 2 shards" in capsys.readouterr().out
    found = list(DataSet.open(made).samples())
    assert {sample.key.partition("_")[0] for sample in found} == {"a", "b"}
    assert found[0].tasks[0].instruction.action_space == "diff_drive"
    assert main([*command, "--instruction", "stop"]) == 1
    assert "instruction 'drive on' and not 'stop'" in capsys.readouterr().err


def test_a_recording_too_short_for_a_chunk_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(write(tmp_path / "a.mcap", [picture(0.0), twist(0.0, 0.2), twist(0.3, 0.2)]))
    command = ["import", "recording", file, str(tmp_path / "set"), "--action-space", "diff_drive"]
    assert main([*command, "--instruction", "go"]) == 1
    assert "record longer" in capsys.readouterr().err


def test_the_command_imports_lerobot(tmp_path: Path) -> None:
    space = tmp_path / "testarm.yaml"
    names = ("shoulder", "elbow", "gripper")
    lines = [f"  - {{name: {name}, kind: joint, unit: rad, range: [-2, 2]}}" for name in names]
    space.write_text(
        "name: testarm\nkind: continuous\nframe_id: base_link\nrate_hz: 10\nchunk: 3\n"
        "dimensions:\n" + "\n".join(lines) + "\n"
    )
    source, made = Path(__file__).parents[1] / "data" / "lerobot" / "image", tmp_path / "set"
    command = ["import", "lerobot", str(source), str(made), "--action-space", str(space)]
    assert main(command) == 0
    assert len(list(DataSet.open(made).samples())) == 9


def test_an_action_space_must_be_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["import", "lerobot", "x", str(tmp_path / "set"), "--action-space", "tentacle"]
    assert main(command) == 1
    assert "'tentacle'; give a .yaml file or one of arm7, diff_drive" in capsys.readouterr().err
