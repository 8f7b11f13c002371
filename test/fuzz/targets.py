"""What reads bytes from elsewhere: the reader, right inputs, and the errors that are right.

A target is right as long as it reads an input or refuses it with one of its errors. Any other
exception, a hang, or memory as a header claims it, is a fault.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TEST = Path(__file__).parents[1]
CORPUS = Path(__file__).parent / "corpus"
"""Inputs that once failed, one folder a target."""


@dataclass(frozen=True)
class Target:
    """One reader. `read` is given the bytes; `errors` are right for wrong bytes."""

    name: str
    read: Callable[[bytes], Any]
    errors: Callable[[], tuple[type[Exception], ...]]
    made: Callable[[], Sequence[bytes]]
    words: Sequence[bytes] = ()
    """What the format is made of."""

    def check(self, data: bytes) -> None:
        """Raises what is a fault."""
        try:
            self.read(data)
        except self.errors():
            return

    def seeds(self) -> list[bytes]:
        """Right inputs, and those that once failed."""
        folder = CORPUS / self.name
        failed = [path.read_bytes() for path in sorted(folder.glob("*"))]
        return [*self.made(), *failed]


@cache
def scratch() -> Path:
    """A folder of this process; removed at its end."""
    folder = tempfile.TemporaryDirectory(prefix="uio2-fuzz-")
    _kept.append(folder)
    return Path(folder.name)


_kept: list[Any] = []


def as_file(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
    """A reader of bytes made of one of files."""

    def read_bytes(data: bytes) -> Any:
        path = scratch() / name
        path.write_bytes(data)
        return read(path)

    return read_bytes


def of_files(*patterns: str) -> Callable[[], list[bytes]]:
    """The contents of files of the tests."""
    return lambda: [
        path.read_bytes() for pattern in patterns for path in sorted(TEST.glob(pattern))
    ]


# ---- errors ----


def _input_error() -> tuple[type[Exception], ...]:
    from uio2_ros.robot.errors import InvalidInputError

    return (InvalidInputError,)


def _recording_error() -> tuple[type[Exception], ...]:
    from uio2_ros.data.shards import DataSetError
    from uio2_ros.recording.failures import RecordingError

    return (RecordingError, DataSetError)


def _data_set_error() -> tuple[type[Exception], ...]:
    from uio2_ros.data.sample_files import SampleError
    from uio2_ros.data.shards import DataSetError

    return (DataSetError, SampleError)


def _checkpoint_error() -> tuple[type[Exception], ...]:
    from uio2_ros.robot.errors import CheckpointError, TokenizerError

    return (CheckpointError, TokenizerError)


def _action_space_error() -> tuple[type[Exception], ...]:
    from uio2_ros.robot.action_space import ActionSpaceError

    return (ActionSpaceError,)


def _source_error() -> tuple[type[Exception], ...]:
    from uio2_ros.nodes.sources.source_error import SourceError

    return (SourceError,)


def _plan_error() -> tuple[type[Exception], ...]:
    from uio2_ros.robot.plan_errors import PlanError

    return (PlanError, *_input_error())


# ---- messages ----


def _header(data: bytes) -> Any:
    from uio2_ros.messages.image_header import peek_header

    return peek_header(data)


def _headers() -> list[bytes]:
    return [
        b"\0\1\0\0" + bytes([1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0]) + b"cam\0",
        b"\0\0\0\0" + bytes([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1]) + b"\0",
    ]


def _plan(data: bytes) -> Any:
    """A plan as the wire brings it, as far as the middleware takes it for one."""
    from uio2_ros.msg import Plan

    from uio2_ros.messages.plans import plan_of
    from uio2_ros.messages.serialised import deserialised

    return plan_of(deserialised(data, Plan))


def _plans() -> list[bytes]:
    from rclpy.serialization import serialize_message
    from uio2_ros.msg import ActionStep, Plan

    steps = [
        ActionStep(kind=kind, name="open", dimension_names=["a", "b"], values=[0.5, -1.0])
        for kind in range(4)
    ]
    return [serialize_message(Plan(action_space="arm7", steps=steps))]


@cache
def _codecs() -> dict[str, Any]:
    """Both directions of the process protocol, with a shared memory of a page."""
    from uio2_ros.serving.arena import ArenaView, SharedArena
    from uio2_ros.serving.codec import Codec
    from uio2_ros.serving.protocol import FROM_CHILD, PROTOCOL_VERSION, TO_CHILD

    arena = SharedArena(4096)
    _kept.append(arena)
    view = ArenaView(arena.descriptor, arena.capacity)
    return {
        "to_child": Codec(PROTOCOL_VERSION, TO_CHILD, view.array),
        "from_child": Codec(PROTOCOL_VERSION, FROM_CHILD),
    }


def _protocol_error() -> tuple[type[Exception], ...]:
    from uio2_ros.serving.codec import ProtocolError

    return (ProtocolError,)


def _to_child(data: bytes) -> Any:
    return _codecs()["to_child"].unpack(data)


def _from_child(data: bytes) -> Any:
    return _codecs()["from_child"].unpack(data)


def _orders() -> list[bytes]:
    import numpy as np

    from uio2_ros.robot.box import Box
    from uio2_ros.robot.instruction import Instruction
    from uio2_ros.robot.observation import Frame, Observation
    from uio2_ros.serving.protocol import Cancel, Load, OfferFrame, Quit, Submit
    from uio2_ros.serving.spec import ModelSpec

    frame = Frame(np.zeros((2, 3, 3), np.uint8), 5, "camera", 7)
    asked = Instruction("find it", "score", ("a", "b"), Box(0.0, 0.0, 1.0, 1.0))
    seen = Observation(frame, (frame,), np.zeros(4, np.float32), robot_history=("left",))
    messages = [Load(ModelSpec(), "a:b"), Submit(3, asked, seen, True), Cancel(3)]
    messages += [OfferFrame(frame), Quit()]
    codec = _codecs()["to_child"]
    # half of the pictures lie in the shared memory
    return [codec.pack(message, place) for message in messages for place in (_inline, _shared)]


def _inline(_: Any) -> None:
    """In the message."""


def _shared(_: Any) -> int:
    """At the beginning of the shared memory."""
    return 0


def _replies() -> list[bytes]:
    import numpy as np

    from uio2_ros.robot.answer import Answer, Detection, Picture, Progress, Stage
    from uio2_ros.robot.box import Box
    from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
    from uio2_ros.serving.protocol import Answered, Hello, Loaded, LoadFailed, Reported
    from uio2_ros.serving.status import ModelDescription

    answer = Answer(
        detections=(Detection(Box(0.0, 0.0, 1.0, 1.0), "cup"),),
        pictures=(Picture("mask", np.zeros((2, 2), np.uint8)),),
        audio=(np.zeros(3, np.float32),),
        plan=TaskPlan("pointnav", (Step(ActionKind.DISCRETE, "forward"),)),
        scores=(0.5,),
    )
    messages = [
        Hello(),
        Loaded(ModelDescription("a", True, "unified_io_2")),
        LoadFailed("no", False),
        Reported(1, Progress(Stage.ENCODING, "", 2, 0.1)),
        Answered(1, answer),
    ]
    return [_codecs()["from_child"].pack(message) for message in messages]


def _mp3(data: bytes) -> Any:
    from uio2_ros.media.mp3_stream import Mp3Stream, looks_like_mp3

    looks_like_mp3(data)
    stream = Mp3Stream()
    return [stream.decode(data[at : at + 333]) for at in range(0, len(data), 333)]


def _mp3s() -> list[bytes]:
    import io

    import numpy as np
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.sin(np.arange(16000) / 9).astype(np.float32), 16000, format="MP3")
    return [file.getvalue()]


def _qos(data: bytes) -> Any:
    from uio2_ros.recording.offered_qos import profile_of

    return profile_of(data.decode("utf-8", "replace"))


def _definition(data: bytes) -> Any:
    from uio2_ros.recording.definitions import layout_difference, name_differences

    text = data.decode("utf-8", "replace")
    name = "sensor_msgs/msg/Image"
    if not layout_difference(name, text, text):
        return name_differences(name, text, text)
    return None


def _definitions() -> list[bytes]:
    from uio2_ros.recording.definitions import definition_of

    names = ("sensor_msgs/msg/CameraInfo", "std_msgs/msg/Empty", "tf2_msgs/msg/TFMessage")
    return [definition_of(name).encode() for name in names]


# ---- media ----


def _picture(data: bytes) -> Any:
    from uio2_ros.media.pictures import decode_rgb

    return decode_rgb(data)


def _pictures() -> list[bytes]:
    import cv2
    import numpy as np

    pixels = np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8)
    made = [cv2.imencode(name, pixels)[1].tobytes() for name in (".jpg", ".png", ".webp", ".bmp")]
    return [*made, *of_files("media/cases/*.avif")()]


def _film(path: Path) -> Any:
    from uio2_ros.media.films import open_film
    from uio2_ros.media.sounds import read_sound_track

    with open_film(path) as film:
        film.at(film.duration_s() / 2).pixels()
        return read_sound_track(path, film.starts_s)


def _sound(path: Path) -> Any:
    from uio2_ros.media.sounds import read_sound_file

    return read_sound_file(path)


def _sounds() -> list[bytes]:
    import io

    import numpy as np
    import soundfile

    made = []
    for form in ("WAV", "FLAC", "OGG"):
        file = io.BytesIO()
        soundfile.write(file, np.sin(np.arange(4000) / 9), 16000, format=form)
        made.append(file.getvalue())
    return made


# ---- recordings ----


def _recording(path: Path) -> Any:
    from uio2_ros.recording.recording_file import Recording
    from uio2_ros.recording.to_samples import import_recording

    recording = Recording(path)
    for _ in recording.messages():
        pass
    return list(import_recording(path, _recording_settings()))


@cache
def _recording_settings() -> Any:
    from uio2_ros.data.import_settings import RecordingSettings
    from uio2_ros.robot.action_space import ActionSpace, Axis, Dimension, DimensionKind, SpaceKind

    forward = Dimension("forward", DimensionKind.VELOCITY, "m/s", -1.0, 1.0, axis=Axis.X)
    space = ActionSpace(
        "drive", SpaceKind.CONTINUOUS, "base", "base_link", (forward,), rate_hz=10, chunk=2
    )
    return RecordingSettings(space, "go", history_frames=0, period_s=0.2)


def _messages() -> list[Any]:
    """Half a second of a recording."""
    from uio2_ros.recording.recording_file import Recording

    whole = list(Recording(TEST / "recording" / "cases" / "rosbag2_order.mcap").messages())
    return whole[:20]


def _mcaps() -> list[bytes]:
    """Small files without checksums, which would hide what lies behind them."""
    import io

    from mcap.writer import CompressionType, Writer

    made = []
    ways: list[dict[str, Any]] = [
        {"compression": CompressionType.NONE},
        {"use_chunking": False},
        {"compression": CompressionType.LZ4},
        {"compression": CompressionType.ZSTD, "chunk_size": 2000},
    ]
    for how in ways:
        file = io.BytesIO()
        writer = Writer(file, enable_crcs=False, **how)
        writer.start(profile="ros2", library="fuzz")
        channels: dict[str, int] = {}
        for message in _messages():
            topic = message.topic
            if topic.name not in channels:
                schema = writer.register_schema(
                    topic.type_name, "ros2msg", (topic.definition or "").encode()
                )
                channels[topic.name] = writer.register_channel(topic.name, "cdr", schema)
            writer.add_message(channels[topic.name], message.time_ns, message.data, 0)
        writer.finish()
        made.append(file.getvalue())
    return made


def _databases() -> list[bytes]:
    import sqlite3

    path = scratch() / "made.db3"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, "
        "serialization_format TEXT, offered_qos_profiles TEXT);"
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, "
        "data BLOB);"
    )
    numbers: dict[str, int] = {}
    for message in _messages():
        topic = message.topic
        if topic.name not in numbers:
            numbers[topic.name] = len(numbers) + 1
            row = (numbers[topic.name], topic.name, topic.type_name, "cdr", "")
            database.execute("INSERT INTO topics VALUES (?, ?, ?, ?, ?)", row)
        database.execute(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)",
            (numbers[topic.name], message.time_ns, message.data),
        )
    database.commit()
    database.close()
    return [path.read_bytes()]


def _compressed() -> list[bytes]:
    import zstandard

    return [zstandard.compress(data) for data in _mcaps()[:2]]


def _bag(data: bytes) -> Any:
    from uio2_ros.recording.recording_file import Recording

    folder = scratch() / "bag"
    folder.mkdir(exist_ok=True)
    if not (folder / "a.mcap").exists():
        (folder / "a.mcap").write_bytes(_mcaps()[0])
    (folder / "metadata.yaml").write_bytes(data)
    return Recording(folder).topics()


def _bags() -> list[bytes]:
    return [
        b"rosbag2_bagfile_information:\n  version: 8\n  storage_identifier: mcap\n"
        b"  relative_file_paths:\n    - a.mcap\n  files: []\n"
    ]


# ---- connections ----


@cache
def _sessions() -> Any:
    """Makes clients' sessions on a server whose model answers at once, and their loop."""
    import asyncio
    from concurrent.futures import Future
    from types import SimpleNamespace

    from uio2_ros.remote.limits import ServerLimits
    from uio2_ros.remote.metrics import ServerMetrics
    from uio2_ros.remote.server import PolicyTask
    from uio2_ros.remote.session import ClientSession
    from uio2_ros.robot.answer import Answer
    from uio2_ros.serving.status import ModelState, ModelStatus

    def submit(instruction: Any, *_: Any, **__: Any) -> Future[Answer]:
        pending: Future[Answer] = Future()
        pending.set_result(Answer(task=instruction.task))
        return pending

    answerer = SimpleNamespace(
        submit=submit,
        offer_frame=lambda _frame, **_: True,
        status=lambda: ModelStatus(ModelState.READY),
    )
    server = SimpleNamespace(
        answerer=answerer,
        limits=ServerLimits(picture_pixels=2**16),
        policy=PolicyTask(),
        metrics=ServerMetrics(),
        metadata=dict,
    )

    async def for_ever() -> None:
        await asyncio.Event().wait()

    def make() -> ClientSession:
        return ClientSession(SimpleNamespace(wait_closed=for_ever), server)  # type: ignore[arg-type]

    return make, asyncio.new_event_loop()


def _frame_from_client(data: bytes) -> Any:
    make, loop = _sessions()
    return loop.run_until_complete(make()._take(data))


def frames_from_clients() -> list[bytes]:
    import numpy as np

    from uio2_ros.remote import numpy_messages
    from uio2_ros.remote.observations import FrameSender
    from uio2_ros.remote.pictures import PictureCodec
    from uio2_ros.remote.protocol import CLIENT_CODEC, Ask, Greeting, KeepFrame
    from uio2_ros.robot.box import Box
    from uio2_ros.robot.instruction import Instruction
    from uio2_ros.robot.observation import Frame, Observation
    from uio2_ros.serving.protocol import Cancel

    pixels = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    seen = Observation(
        Frame(pixels, 1, "camera"), (Frame(pixels, 2, key=7),), np.zeros(3, np.float32)
    )
    made = [CLIENT_CODEC.pack(Greeting("arm")), CLIENT_CODEC.pack(Cancel(1))]
    for codec in PictureCodec:
        sender = FrameSender(codec, 90, 2**20, 2**20)
        asked = Instruction("go", "act", ("a",), Box(0, 1, 2, 3), "two")
        made.append(CLIENT_CODEC.pack(Ask(1, asked, sender.observation(seen), 1.0, True)))
        sent = FrameSender(codec, 90, 2**20, 2**20).frame(seen.history[0])
        made.append(CLIENT_CODEC.pack(KeepFrame(sent)))
    made.append(numpy_messages.pack({"prompt": "go", "images": {"cam_high": pixels}}))
    made.append(numpy_messages.pack({"prompt": "go", "a": np.ones((3, 4, 5)), "b": np.float32(1)}))
    return made


def _connection_error() -> tuple[type[Exception], ...]:
    from uio2_ros.remote.session import Unacceptable

    return (Unacceptable,)


def _frame_from_server(data: bytes) -> Any:
    from uio2_ros.remote.conversation import ExtendedConversation
    from uio2_ros.remote.settings import RemoteSettings
    from uio2_ros.serving.job import Job

    def nobody(*_: object) -> None:
        return None

    jobs: dict[int, Job] = {}
    talk = ExtendedConversation(RemoteSettings(), "arm", jobs, nobody, nobody, nobody)
    return talk.take(data)


def _frames_from_servers() -> list[bytes]:
    from uio2_ros.remote.protocol import SERVER_CODEC, ModelNow, Welcome
    from uio2_ros.robot.answer import Answer, Progress, Stage
    from uio2_ros.serving.protocol import Answered, Reported
    from uio2_ros.serving.status import ModelDescription, ModelState

    messages = (
        Welcome(1, 2, 3, 4),
        ModelNow(ModelState.READY, "", ModelDescription("nano")),
        Reported(1, Progress(Stage.GENERATING, "a", 1)),
        Answered(1, Answer(text="a")),
    )
    return [SERVER_CODEC.pack(message) for message in messages]


# ---- data sets ----


def _lerobot(case: str, name: str) -> Target:
    """A LeRobot data set of which one file is what is fuzzed."""

    def read(data: bytes) -> Any:
        from uio2_ros.data.lerobot import import_episode
        from uio2_ros.data.lerobot_files import LeRobotDataSet

        folder = scratch() / f"{case}-{Path(name).name}"
        if not folder.exists():
            shutil.copytree(TEST / "data" / "lerobot" / case, folder)
        (folder / name).write_bytes(data)
        data_set = LeRobotDataSet(folder)
        for episode in data_set.episodes[:2]:
            list(import_episode(data_set, episode, _lerobot_settings()))

    source = TEST / "data" / "lerobot" / case / name
    return Target(
        f"lerobot_{Path(name).parts[0]}_{Path(name).suffix[1:]}",
        read,
        _data_set_error,
        lambda: [source.read_bytes()],
        (b"null", b"[]", b"{}", b'"', b"-1", b"1e999", b"{", b"..", b"NaN"),
    )


@cache
def _lerobot_settings() -> Any:
    from uio2_ros.data.import_settings import ImportSettings
    from uio2_ros.robot.action_space import ActionSpace, Dimension, DimensionKind, SpaceKind

    made = tuple(Dimension(name, DimensionKind.JOINT, "rad", -9.0, 9.0) for name in "ab")
    space = ActionSpace("two", SpaceKind.CONTINUOUS, "joints", "base", made, rate_hz=10, chunk=2)
    return ImportSettings(space, history_frames=1, stride=5, instruction="go")


def _shard(path: Path) -> Any:
    from uio2_ros.data.shards import read_shard

    return list(read_shard(path))


def _shards() -> list[bytes]:
    import numpy as np

    from uio2_ros.data.sample import Sample
    from uio2_ros.data.shards import write_shard
    from uio2_ros.robot.observation import Frame, Observation

    frame = Frame(np.zeros((4, 6, 3), np.uint8), 5, "camera")
    sample = Sample("a", Observation(image=frame), (), {"robot": "arm"})
    write_shard(scratch() / "made.tar", [sample])
    return [(scratch() / "made.tar").read_bytes()]


# ---- checkpoints ----


def _weights(path: Path) -> Any:
    from uio2_ros.model.weights import read_state_dict

    return read_state_dict([path])


def _safetensors() -> list[bytes]:
    import torch
    from safetensors.torch import save

    return [save({"a": torch.zeros(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)})]


def _torch_files() -> list[bytes]:
    import io

    import torch

    made = []
    for as_zip in (True, False):
        file = io.BytesIO()
        torch.save({"a": torch.zeros(2, 3)}, file, _use_new_zipfile_serialization=as_zip)
        made.append(file.getvalue())
    return made


def _jax_tree(data: bytes) -> Any:
    """A T5X folder whose index is fuzzed."""
    folder = scratch() / "t5x"
    if not folder.exists():
        shutil.copytree(_t5x_folder(), folder)
    (folder / "checkpoint").write_bytes(data)
    return _arrays(folder)


def _arrays(path: Path) -> Any:
    import numpy as np

    from uio2_ros.model.t5x import open_checkpoint
    from uio2_ros.model.t5x.tensors import STORAGE

    for array in open_checkpoint(path).arrays.values():
        if array.nbytes < MIB:  # others are not of the shape that a network expects
            array.read_into(np.empty(array.shape, STORAGE[array.dtype]))


@cache
def _t5x_folder() -> Path:
    import gzip
    import json

    import msgpack
    import numpy as np

    folder = scratch() / "made_t5x"
    place, values = folder / "target.w", np.arange(12, dtype=np.float32).reshape(3, 4)
    place.mkdir(parents=True)
    kind = {"shape": [3, 4], "chunks": [3, 4]}
    form = {"zarr_format": 2, "dtype": "<f4", "order": "C", "compressor": {"id": "gzip"}}
    (place / ".zarray").write_text(json.dumps({**kind, **form}))
    (place / "0.0").write_bytes(gzip.compress(values.tobytes()))
    inline = msgpack.ExtType(1, msgpack.packb([[3, 4], "float32", values.tobytes()]))
    store = {"driver": "file", "path": place.name}
    target = {
        "w": {"driver": "zarr", "kvstore": store, "metadata": kind, "dtype": "float32"},
        "inline": inline,
        "parts": {
            "__msgpack_chunked_array__": True,
            "shape": {"0": 3, "1": 4},
            "chunks": {"0": inline},
        },
    }
    index = msgpack.packb({"version": 3, "optimizer": {"target": target}})
    (folder / "checkpoint").write_bytes(index)
    return folder


def _t5x_indices() -> list[bytes]:
    return [(_t5x_folder() / "checkpoint").read_bytes()]


def _npz_files() -> list[bytes]:
    import io

    import numpy as np

    file = io.BytesIO()
    np.savez_compressed(file, **{"a.b": np.ones((2, 3), np.float32), "c": np.zeros(4, np.float16)})
    return [file.getvalue()]


def _bundle(path: Path) -> Any:
    from uio2_ros.model.bundle import Bundle

    return Bundle.read(path)


def _tokenizers() -> list[bytes]:
    """A small one: those of the tests have tens of thousands of pieces."""
    import io

    import sentencepiece

    text, model = (
        ["a robot drives to the red door", "pick the cup, put it on the table"],
        io.BytesIO(),
    )
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text * 50),
        model_writer=model,
        vocab_size=26,
        minloglevel=2,
        model_type="bpe",
    )
    return [model.getvalue()]


def _tokenizer(path: Path) -> Any:
    from uio2_ros.processing.unified_io_2.tokenizer import Tokenizer

    return Tokenizer(path)


# ---- settings ----


def _action_space(path: Path) -> Any:
    from uio2_ros.robot.action_space import read_action_space

    return read_action_space(path)


def _calibration(path: Path) -> Any:
    from uio2_ros.nodes.sources.camera_calibration import read_calibration

    return read_calibration(path)


def _calibrations() -> list[bytes]:
    return [
        b"image_width: 640\nimage_height: 480\ncamera_name: a\n"
        b"camera_matrix: {rows: 3, cols: 3, data: [1, 0, 2, 0, 1, 2, 0, 0, 1]}\n"
        b"distortion_model: plumb_bob\ndistortion_coefficients: {data: [0, 0, 0, 0, 0]}\n"
        b"rectification_matrix: {data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}\n"
        b"projection_matrix: {data: [1, 0, 2, 0, 0, 1, 2, 0, 0, 0, 1, 0]}\n"
    ]


def _bundles() -> list[bytes]:
    trained = b'{"tasks": ["vqa"], "cameras": [{"name": "c", "width": 4, "height": 3}]}'
    told = b'{"family": "unified_io_2", "description": "a", "licence": "b", "scores": {"a": 1.5}'
    return [told + b', "trained_for": ' + trained + b"}"]


def _policies() -> list[bytes]:
    return [
        b"- depth: 5\n  reliability: 1\n  durability: 2\n",
        b"- {depth: 5, reliability: reliable, durability: volatile}",
    ]


YAML = (b"- ", b": ", b"null", b"{}", b"[]", b"&a ", b"*a", b"!!python/none", b".nan", b"-1", b"~")
MSGPACK = (
    b"\xc0",
    b"\xc2",
    b"\x90",
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xcb\x7f\xf8",
)
LINES = (b"[]", b"<=", b"/", b"=", b"#", b"string", b"Header", b"=" * 80 + b"\nMSG: a/B\n")
MIB = 2**20
_FILE = "chunk-000/file-000"

TARGETS: Sequence[Target] = (
    Target("cdr_header", _header, _input_error, _headers),
    Target("plan", _plan, _plan_error, _plans),
    Target("to_child", _to_child, _protocol_error, _orders, MSGPACK),
    Target("from_child", _from_child, _protocol_error, _replies, MSGPACK),
    Target("to_server", _frame_from_client, _connection_error, frames_from_clients, MSGPACK),
    Target("from_server", _frame_from_server, _protocol_error, _frames_from_servers, MSGPACK),
    Target("mp3", _mp3, _input_error, _mp3s),
    Target("qos", _qos, _recording_error, _policies, YAML),
    Target("definition", _definition, _recording_error, _definitions, LINES),
    Target("picture", _picture, _input_error, _pictures),
    Target("film", as_file("film.mp4", _film), _input_error, of_files("media/cases/*.mp4")),
    Target("sound", as_file("sound.wav", _sound), _input_error, _sounds),
    Target("mcap", as_file("a.mcap", _recording), _recording_error, _mcaps),
    Target("db3", as_file("a.db3", _recording), _recording_error, _databases),
    Target("mcap_zstd", as_file("a.mcap.zstd", _recording), _recording_error, _compressed),
    Target("bag", _bag, _recording_error, _bags, (*YAML, b"../", b"/")),
    _lerobot("action_2d", "meta/info.json"),
    _lerobot("action_2d", f"meta/episodes/{_FILE}.parquet"),
    _lerobot("action_2d", f"data/{_FILE}.parquet"),
    _lerobot("action_2d", f"videos/observation.images.front/{_FILE}.mp4"),
    Target("shard", as_file("a.tar", _shard), _data_set_error, _shards),
    Target("safetensors", as_file("a.safetensors", _weights), _checkpoint_error, _safetensors),
    Target("torch_file", as_file("a.bin", _weights), _checkpoint_error, _torch_files),
    Target("t5x_index", _jax_tree, _checkpoint_error, _t5x_indices),
    Target("npz", as_file("a.npz", _arrays), _checkpoint_error, _npz_files),
    Target("bundle", as_file("bundle.json", _bundle), _checkpoint_error, _bundles),
    Target("tokenizer", as_file("t.model", _tokenizer), _checkpoint_error, _tokenizers),
    Target(
        "action_space",
        as_file("a.yaml", _action_space),
        _action_space_error,
        of_files("../config/action_spaces/*.yaml"),
        YAML,
    ),
    Target("calibration", as_file("c.yaml", _calibration), _source_error, _calibrations, YAML),
)
