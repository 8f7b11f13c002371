"""`./uio2 view`: a recording in Rerun, read back by Rerun's own reader, and what Foxglove needs."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")
pytest.importorskip("mcap_ros2", reason="needs the extra record")

from geometry_msgs.msg import TransformStamped
from nodes.robot import header
from rclpy.serialization import serialize_message
from tf2_msgs.msg import TFMessage
from uio2_ros.msg import AgentState

from uio2_ros.cli import view
from uio2_ros.cli.outcome import Exit
from uio2_ros.messages.answers import result_message
from uio2_ros.messages.camera_info import camera_info_message
from uio2_ros.messages.pictures import image_message
from uio2_ros.recording.definitions import definition_of
from uio2_ros.recording.recorded import Topic
from uio2_ros.recording.recording_file import Recording
from uio2_ros.recording.recording_writer import RecordingWriter
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Timings
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

pytestmark = pytest.mark.ros
needs_rerun = pytest.mark.skipif(
    importlib.util.find_spec("rerun") is None, reason="needs the extra rerun"
)

SECOND = 10**9
HEADER = header(7 * SECOND, "camera")
CAMERA = CameraModel(64, 48, 50.0, 50.0, 32.0, 24.0)
ANSWER = Answer(
    text="pick and place",
    detections=(Detection(Box(10, 10, 30, 20), "cup", 0.5),),
    cuboids=(Cuboid("cup", (0.0, 0.1, 1.0), (0.2, 0.2, 0.4), (1.0, 0.0, 0.0, 0.0)),),
    plan=TaskPlan(
        "vima",
        (Step(ActionKind.PICK_PLACE, "move", Pose2D(0.5, 0, 0), Pose2D(0.5, 0.25, 0)),),
        "base_link",
    ),
    timings=Timings(total=0.25, tokens=3),
)
FAILED = Answer.failed(ErrorCode.NO_INPUT, "no picture has come")


def placed_camera() -> TFMessage:
    stamped = TransformStamped(header=header(6 * SECOND, "base_link"), child_frame_id="camera")
    stamped.transform.translation.z = 0.6
    stamped.transform.rotation.w = 1.0
    return TFMessage(transforms=[stamped])


def told() -> Iterator[tuple[float, str, Any]]:
    """Seconds of reception, topics and messages."""
    picture = image_message(np.full((48, 64, 3), 200, np.uint8), HEADER)
    yield 7.0, "/tf_static", placed_camera()
    yield 7.1, "/camera_info", camera_info_message(CAMERA, HEADER)
    yield 7.2, "/image", picture
    yield 7.25, "/image", picture  # not due
    yield 7.3, "/agent/state", AgentState(header=HEADER, state=AgentState.THINKING)
    yield 7.4, "/agent/result", result_message(ANSWER, "move it", HEADER)
    yield 7.5, "/agent/result", result_message(FAILED, "move it", header(8 * SECOND, "camera"))


def topic_of(name: str, message: Any) -> Topic:
    package, folder, *_ = type(message).__module__.split(".")
    type_name = f"{package}/{folder}/{type(message).__name__}"
    return Topic(name, type_name, definition_of(type_name))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    writer = RecordingWriter(tmp_path / "a.mcap")
    known = set()
    for at_s, name, message in told():
        if name not in known:
            writer.add_topic(topic_of(name, message))
            known.add(name)
        at_ns = round(at_s * SECOND)
        data = serialize_message(message)
        writer.add(name, data, received_ns=at_ns, published_ns=at_ns)
    writer.close()
    return tmp_path / "a.mcap"


def entities(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of each entity of an .rrd file: components' names and their values."""
    import pyarrow
    from rerun.chunk import RrdReader

    found: dict[str, list[dict[str, Any]]] = {}
    for chunk in RrdReader(file).stream():
        batch = chunk.to_record_batch()
        columns = {
            name: _microseconds(column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        rows = pyarrow.RecordBatch.from_pydict(columns).to_pylist()
        found.setdefault(chunk.entity_path.strip("/"), []).extend(rows)
    return found


def _microseconds(column: Any) -> Any:
    """A column of times to what Python has a type for; others as they are."""
    import pyarrow

    if not pyarrow.types.is_timestamp(column.type):
        return column
    return column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)


def values(rows: list[dict[str, Any]], component: str) -> list[Any]:
    return [
        value
        for row in rows
        for name, value in row.items()
        if name.endswith(component) and value is not None
    ]


def expect_all_shown(file: Path) -> None:
    shown = entities(file)
    assert len(values(shown["robot/camera/picture"], "EncodedImage:blob")) == 1
    assert values(shown["robot/camera/picture"], "Pinhole:resolution") == [[[64.0, 48.0]]]
    assert values(shown["robot/camera"], "Transform3D:translation") == [
        [pytest.approx([0.0, 0.0, 0.6])]
    ]
    boxes = shown["robot/camera/picture/detections"]
    assert values(boxes, "Boxes2D:centers") == [[[20.0, 15.0]]]
    assert values(boxes, "Boxes2D:labels") == [["cup 50%"]]
    cuboids = shown["robot/camera/cuboids"]
    assert values(cuboids, "Boxes3D:half_sizes") == [[pytest.approx([0.1, 0.1, 0.2])]]
    assert values(shown["robot/plan"], "Arrows3D:vectors") == [[[0.0, 0.25, 0.0]]]
    assert values(shown["timings/total"], "Scalars:scalars") == [[250.0]]
    assert values(shown["state"], "StateChange:state") == [["thinking"]]
    said = values(shown["answers"], "TextLog:text")
    assert said == [["pick and place"], ["NO_INPUT: no picture has come"]]
    stamps = {row["stamp"].isoformat() for row in boxes}
    assert stamps == {"1970-01-01T00:00:07"}  # the picture's, not when the answer came


@needs_rerun
def test_a_recording_is_shown_with_all_that_was_answered(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.rrd"
    assert view.main([str(recording), "--rerun", "--save", str(file)]) == 0
    expect_all_shown(file)


@needs_rerun
def test_what_comes_on_topics_is_shown_as_from_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "a.rrd"
    arguments = view._parser().parse_args(["--rerun", "--save", str(file)])
    shown, topics = view._view(arguments), view._topics(arguments)
    sink = view._GraphSink(shown, topics)
    for at_s, name, message in told():
        sink.add_topic(topic_of(name, message))
        at_ns = round(at_s * SECOND)
        sink.add(name, serialize_message(message), received_ns=at_ns, published_ns=at_ns)
    shown.close()
    expect_all_shown(file)


@needs_rerun
def test_a_message_that_cannot_be_read_is_told_once_and_the_rest_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.rrd"
    arguments = view._parser().parse_args(["--rerun", "--save", str(file)])
    shown, topics = view._view(arguments), view._topics(arguments)
    sink = view._GraphSink(shown, topics)
    state = AgentState(header=HEADER, state=AgentState.MOVING)
    sink.add_topic(topic_of("/agent/state", state))
    for data in (b"\0\1\0\0", b"\0\1\0\0", serialize_message(state)):
        sink.add("/agent/state", data, received_ns=SECOND, published_ns=SECOND)
    shown.close()
    assert capsys.readouterr().err.count("/agent/state") == 1
    assert values(entities(file)["state"], "StateChange:state") == [["moving"]]


@needs_rerun
def test_a_recording_of_other_topics_is_refused_with_what_was_looked_for(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "/tf_static" in Recording(recording).topics()  # which is nobody's
    asked = [str(recording), "--rerun", "--namespace", "other", "--save", f"{recording}.rrd"]
    assert view.main(asked) == Exit.WRONG
    assert "none of /other/image" in capsys.readouterr().err
    assert view.main([f"{recording}.none", "--rerun"]) == Exit.WRONG
    assert "No such file" in capsys.readouterr().err


def test_without_rerun_it_says_what_to_open_in_foxglove(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert view.main([str(recording)]) == 0
    told = capsys.readouterr().out
    assert str(recording) in told
    assert "config/foxglove_layout.json" in told


def test_a_missing_rerun_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(view.importlib.util, "find_spec", lambda _: None)
    assert view.main(["--rerun"]) == Exit.FAILED
    assert "pip install 'rerun-sdk" in capsys.readouterr().err
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert f'rerun = ["{view.REQUIREMENT};' in pyproject
