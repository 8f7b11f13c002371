"""Imports recordings of ROS 2 topics (MCAP): what a robot saw and heard, and what it did then.

| of the topics of type                                    | becomes                               |
|----------------------------------------------------------|---------------------------------------|
| sensor_msgs Image, CompressedImage                       | the picture and the earlier ones      |
| sensor_msgs CameraInfo                                   | the camera                            |
| uio2_ros AudioChunk, audio_common_msgs AudioStamped;     | the sound until then                  |
| audio_common_msgs AudioData with its AudioInfo           |                                       |
| sensor_msgs JointState, geometry_msgs Twist and -Stamped | the actions that followed             |
| std_msgs String                                          | the instruction, from its message on  |

Several topics of a kind need a choice. Times are those at which messages were received, since not
all have a stamp. Needs no ROS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mcap.records import Schema
from mcap_ros2.decoder import DecoderFactory

from uio2_ros.data.action_chunks import act_task, expect_in_range
from uio2_ros.data.import_settings import RecordingSettings
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError
from uio2_ros.messages.camera_info import camera_of, shows_rectified
from uio2_ros.messages.received_pictures import PICTURE_TYPES
from uio2_ros.messages.sound_reader import (
    BYTE_TYPES,
    INFO_TYPE,
    SOUND_TYPES,
    info_topic_of,
)
from uio2_ros.recording.definitions import definition_of
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorded import Recorded, Topic
from uio2_ros.recording.recorded_sound import RecordedSound
from uio2_ros.recording.recording_file import Recording
from uio2_ros.robot.action_space import ActionSpace, Dimension, DimensionKind
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.encoded_picture import MOST_PIXELS
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import to_ns

HELD_S = 0.5
"""A velocity is taken to be 0 when no command came for longer than this."""

JOINTS = "sensor_msgs/msg/JointState"
VELOCITIES = ("geometry_msgs/msg/Twist", "geometry_msgs/msg/TwistStamped")
CAMERA = "sensor_msgs/msg/CameraInfo"
WORDS = "std_msgs/msg/String"

Floats = npt.NDArray[np.float64]


def import_recording(path: Path, settings: RecordingSettings) -> Iterator[Sample]:
    """The samples of a file. Raises RecordingError or DataSetError."""
    recording = Recording(path)
    topics = ChosenTopics.of(recording, settings)
    notes = RecordedTracks.of(recording, topics, settings)
    history: list[Frame] = []
    due_ns = 0
    for message, decoded in decoded_messages(recording, [topics.picture.name]):
        now_ns = message.time_ns
        wanted = now_ns >= due_ns and notes.covers(now_ns)
        kept = not history or now_ns - history[-1].stamp_ns >= to_ns(settings.history_period_s)
        if not (wanted or kept):
            continue
        frame = frame_of(path, topics.picture, now_ns, decoded)
        if wanted:
            due_ns = now_ns + to_ns(settings.period_s)
            yield notes.sample(frame, tuple(history))
        if kept:
            history = (
                [*history, frame][-settings.history_frames :] if settings.history_frames else []
            )


@dataclass(frozen=True)
class RecordingShards:
    """One shard per file."""

    paths: tuple[Path, ...]
    settings: RecordingSettings

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of the shard's file; none past the last. DataSetError for an empty one."""
        if shard >= len(self.paths):
            return
        empty = True
        for sample in import_recording(self.paths[shard], self.settings):
            empty = False
            yield sample
        if empty:
            raise DataSetError(
                f"{self.paths[shard]} has no picture with {self.settings.action_space.chunk} "
                "actions after it; record longer, or declare a shorter chunk"
            )


@dataclass(frozen=True)
class ChosenTopics:
    """The topics of a recording that are read; None where there is none."""

    picture: Topic
    action: Topic
    audio: Topic | None
    audio_info: Topic | None
    camera: Topic | None
    words: Topic | None

    @classmethod
    def of(cls, recording: Recording, settings: RecordingSettings) -> ChosenTopics:
        """Those of some settings. DataSetError where one is missing or more than one fits."""
        there, path = recording.topics(), recording.path
        _expect_readable(recording, settings)
        wanted = _action_types(settings.action_space)
        picture = _choose(path, there, "picture", tuple(PICTURE_TYPES), settings.picture_topic)
        action = _choose(path, there, "action", wanted, settings.action_topic)
        if picture is None or action is None:
            missing, types = (
                ("picture", tuple(PICTURE_TYPES)) if picture is None else ("action", wanted)
            )
            raise DataSetError(
                f"{path} has no {missing} topic: none of type {' or '.join(types)}; it has "
                f"{', '.join(sorted(there)) or 'nothing'}"
            )
        sounds = {name: topic for name, topic in there.items() if _tells_format(topic, there)}
        audio = _choose(path, sounds, "audio", SOUND_TYPES, settings.audio_topic)
        return cls(
            picture,
            action,
            audio,
            None if audio is None else _info_of(audio, there),
            _choose(path, there, "camera", (CAMERA,), settings.camera_topic),
            None
            if settings.instruction
            else _choose(path, there, "words", (WORDS,), settings.words_topic),
        )

    @property
    def small(self) -> list[str]:
        """The names of all but the pictures."""
        given = (self.action, self.audio, self.audio_info, self.camera, self.words)
        return [topic.name for topic in given if topic is not None]


def _info_of(audio: Topic, there: Mapping[str, Topic]) -> Topic | None:
    """The AudioInfo of a topic of sound."""
    info = there.get(info_topic_of(audio.name))
    return info if info is not None and info.type_name == INFO_TYPE else None


def _tells_format(topic: Topic, there: Mapping[str, Topic]) -> bool:
    """Whether a topic may be sound that can be understood; bytes need their AudioInfo."""
    return topic.type_name not in BYTE_TYPES or _info_of(topic, there) is not None


def _action_types(space: ActionSpace) -> tuple[str, ...]:
    """Types of the messages that say all that a space has dimensions of. DataSetError if none."""
    kinds = {dimension.kind for dimension in space.dimensions}
    if kinds <= {DimensionKind.JOINT, DimensionKind.GRIPPER}:
        return (JOINTS,)
    if kinds == {DimensionKind.VELOCITY}:
        return VELOCITIES
    told = ", ".join(sorted(kind.value for kind in kinds))
    raise DataSetError(
        f"the action space {space.name!r} has dimensions of {told}; a recording tells joints (with "
        "grippers) or velocities, so declare a space of those"
    )


def _expect_readable(recording: Recording, settings: RecordingSettings) -> None:
    """DataSetError for a topic that was asked for and is not of ROS 2."""
    for wanted in settings.named_topics:
        why = recording.unreadable.get(f"/{wanted.lstrip('/')}")
        if why is not None:
            raise DataSetError(f"{recording.path}: {wanted} cannot be read: {why}")


def _choose(
    path: Path, there: Mapping[str, Topic], what: str, types: Sequence[str], wanted: str
) -> Topic | None:
    fitting = [topic for topic in there.values() if topic.type_name in types]
    chosen = [topic for topic in fitting if wanted in ("", topic.name, topic.name.lstrip("/"))]
    if len(chosen) > 1 or (wanted and not chosen):
        names = ", ".join(sorted(topic.name for topic in fitting)) or "none"
        asked = f"no {what} topic {wanted!r}" if wanted else f"{len(chosen)} {what} topics"
        raise DataSetError(f"{path} has {asked}; name one of: {names}")
    return chosen[0] if chosen else None


@dataclass(frozen=True)
class RecordedTracks:
    """All of a recording but its pictures, by time. Times are in nanoseconds."""

    path: Path
    settings: RecordingSettings
    action_ns: npt.NDArray[np.int64]  # (N,)
    actions: Floats  # (N, n) SI units
    are_velocities: bool
    camera_info: Any | None = None
    sees_rectified: bool = False
    sound: RecordedSound | None = None
    words: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(
        cls, recording: Recording, topics: ChosenTopics, settings: RecordingSettings
    ) -> RecordedTracks:
        """Reads the recording once. DataSetError for what is not understood, or out of range."""
        path = recording.path
        times: list[int] = []
        values: list[list[float]] = []
        camera_infos: list[Any] = []
        track = RecordedSound()
        words: list[tuple[int, str]] = []
        for message, decoded in decoded_messages(recording, topics.small):
            with _understood(path, message.topic):
                if message.topic == topics.action:
                    found = _action(decoded, settings.action_space, message.topic.type_name)
                    if found is not None:
                        times.append(message.time_ns)
                        values.append(found)
                elif message.topic == topics.audio:
                    track.add(path, message, decoded)
                elif message.topic == topics.audio_info:
                    track.tell(decoded)
                elif message.topic == topics.camera:
                    camera_infos.append(decoded)
                else:
                    words.append((message.time_ns, str(decoded.data)))
        _expect_actions(path, topics.action, settings.action_space, values)
        if len(times) > 1 and times[0] == times[-1]:
            raise DataSetError(
                f"{path} tells no times: all messages of {topics.action.name} are of the same "
                "moment; record anew, with `ros2 bag record` or ./uio2 record"
            )
        actions = np.array(values, np.float64)
        expect_in_range(actions, settings.action_space, str(path))
        return cls(
            path,
            settings,
            np.array(times, np.int64),
            actions,
            topics.action.type_name in VELOCITIES,
            camera_infos[0] if camera_infos else None,
            shows_rectified(topics.picture.name),
            track if topics.audio is not None else None,
            tuple(words),
        )

    @cached_property
    def _offsets_ns(self) -> Floats:
        """(chunk,) from a picture to the moment each action is read at.

        A joint's position is the goal of the step that ends then; a velocity holds during its step.
        """
        space = self.settings.action_space
        assert space.rate_hz is not None, "continuous action spaces have a rate"
        first = 0 if self.are_velocities else 1
        numbers = range(first, first + space.chunk)
        return np.array([to_ns(number / space.rate_hz) for number in numbers], np.float64)

    @property
    def offset_ns(self) -> float:
        """From a picture to the moment its first action is read at."""
        return float(self._offsets_ns[0])

    def covers(self, now_ns: int) -> bool:
        """Whether it is known what to do at a moment, and what was done."""
        last = now_ns + self._offsets_ns[-1]
        return bool(self.action_ns[0] <= now_ns and last <= self.action_ns[-1]) and bool(
            self.instruction_at(now_ns)
        )

    def sample(self, frame: Frame, history: tuple[Frame, ...]) -> Sample:
        """The sample of a picture."""
        now_ns = frame.stamp_ns
        seen = Observation(frame, history, camera=self._camera_of(frame))
        sound = None if self.sound is None else self.sound.until(now_ns, self.settings.audio_s)
        if sound is not None and self.sound is not None:
            seen = replace(seen, audio=sound, audio_rate=self.sound.rate_hz)
        actions = self.actions_at(now_ns + self._offsets_ns)
        return Sample(
            key=f"{_key(self.path.stem)}_{now_ns // 1_000_000:015d}",
            observation=seen,
            tasks=(act_task(self.instruction_at(now_ns), actions, self.settings.action_space),),
            meta={"recording": self.path.name},
        )

    def _camera_of(self, frame: Frame) -> CameraModel | None:
        """The camera, if it is that of the picture. DataSetError for one of an unknown lens."""
        if self.camera_info is None:
            return None
        height, width = frame.pixels.shape[:2]
        try:
            camera = camera_of(
                self.camera_info, rectified=self.sees_rectified, size=(width, height)
            )
        except (ValueError, TypeError, AttributeError) as problem:
            raise DataSetError(
                f"{self.path}: its CameraInfo cannot be used: {problem}"
            ) from problem
        fits = camera is not None and (camera.width, camera.height) == (width, height)
        return camera if fits else None

    def instruction_at(self, now_ns: int) -> str:
        """What was to be done at a moment; "" before anything was said."""
        if self.settings.instruction:
            return self.settings.instruction
        said = [text for time_ns, text in self.words if time_ns <= now_ns]
        return said[-1] if said else ""

    def actions_at(self, times_ns: Floats) -> Floats:
        """(T, n) in SI units: positions between messages, velocities as they were told last."""
        if not self.are_velocities:
            columns = [np.interp(times_ns, self.action_ns, column) for column in self.actions.T]
            return np.stack(columns, axis=1)
        newest = np.searchsorted(self.action_ns, times_ns, side="right") - 1
        held = times_ns - self.action_ns[newest] <= to_ns(HELD_S)
        return np.where(held[:, None], self.actions[newest], 0.0)


def decoded_messages(recording: Recording, names: Iterable[str]) -> Iterator[tuple[Recorded, Any]]:
    """The messages of some topics, in time. Raises RecordingError."""
    factory, wanted = DecoderFactory(), set(names)
    decoders: dict[str, Any] = {}
    for message in recording.messages():
        topic = message.topic
        if topic.name not in wanted:
            continue
        with _understood(recording.path, topic):
            if topic.name not in decoders:
                number = len(decoders) + 1  # what the factory remembers a decoder by
                definition = topic.definition
                if definition is None:
                    definition = definition_of(topic.type_name)
                schema = Schema(number, definition.encode(), "ros2msg", topic.type_name)
                decoders[topic.name] = factory.decoder_for("cdr", schema)
            decoded = decoders[topic.name](message.data)
        yield message, decoded


@contextmanager
def _understood(path: Path, topic: Topic) -> Iterator[None]:
    """DataSetError for a message that cannot be decoded, or lacks fields that its type has.

    The parser of definitions and the decoder raise many kinds of errors.
    """
    try:
        yield
    except (DataSetError, RecordingError):
        raise
    except Exception as problem:
        raise DataSetError(
            f"{path}: a message of {topic.name} is no {topic.type_name}: {problem}"
        ) from problem


def frame_of(path: Path, topic: Topic, now_ns: int, message: Any) -> Frame:
    """A decoded picture, received at a time. DataSetError if it is none."""
    with _understood(path, topic):
        pixels = PICTURE_TYPES[topic.type_name](message, MOST_PIXELS)
        return Frame(np.ascontiguousarray(pixels), now_ns, str(message.header.frame_id))


def _action(message: Any, space: ActionSpace, type_name: str) -> list[float] | None:
    """The numbers of a message; None for joints that are not all of the space's."""
    if type_name == JOINTS:
        positions = dict(zip(message.name, message.position, strict=False))
        names = [dimension.joint or dimension.name for dimension in space.dimensions]
        if not set(names) <= positions.keys():
            return None
        return [float(positions[name]) for name in names]
    twist = message.twist if hasattr(message, "twist") else message
    return [_velocity(twist, dimension) for dimension in space.dimensions]


def _velocity(twist: Any, dimension: Dimension) -> float:
    if dimension.axis is None:
        raise DataSetError(f"the dimension {dimension.name!r} has no axis; a Twist has six")
    part = twist.angular if dimension.is_angular_velocity else twist.linear
    return float(getattr(part, dimension.axis.value))


def _expect_actions(
    path: Path, topic: Topic, space: ActionSpace, values: Sequence[Sequence[float]]
) -> None:
    if not values:
        names = ", ".join(dimension.joint or dimension.name for dimension in space.dimensions)
        raise DataSetError(
            f"{path}: no message of {topic.name} has all joints of the action space "
            f"{space.name!r}: {names}; name its dimensions' joints as the robot does"
        )


def _key(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
