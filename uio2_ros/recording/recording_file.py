"""MCAP files of ROS 2 messages, written so that a crash loses little, read even if cut short.

Messages stay the CDR bytes that DDS carried. No rclpy.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from mcap.exceptions import McapError
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

from uio2_ros import __version__
from uio2_ros.recording.failures import RecordingError

PROFILE = "ros2"
LIBRARY = f"uio2_ros {__version__}"
CHUNK_BYTES = 4 * 2**20
COMPRESSIONS = {
    "zstd": CompressionType.ZSTD,
    "lz4": CompressionType.LZ4,
    "none": CompressionType.NONE,
}


@dataclass(frozen=True)
class Topic:
    """A topic of a recording. `qos` is the offered_qos_profiles of its publishers."""

    name: str
    type_name: str
    definition: str = field(repr=False)
    qos: str = field(default="", repr=False)


@dataclass(frozen=True)
class Recorded:
    """One message: when it was received, and its CDR bytes."""

    topic: Topic
    time_ns: int
    data: bytes = field(repr=False)


class RecordingWriter:
    """Writes one file. Not thread-safe. `flush` now and then, `close` at the end."""

    def __init__(self, path: Path, compression: str = "zstd") -> None:
        """RecordingError if the file exists or cannot be made."""
        self.path = path
        try:
            self._file = path.open("xb")
        except FileExistsError:
            raise RecordingError(f"{path} exists already; name another file with -o") from None
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror}") from error
        self._writer = Writer(
            self._file, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression]
        )
        self._channels: dict[str, int] = {}
        self._sequences: dict[str, int] = {}
        self.messages = 0
        with _writing(path):
            self._writer.start(profile=PROFILE, library=LIBRARY)
            self.flush()

    @property
    def size_bytes(self) -> int:
        """Size of the file so far, without what is not flushed."""
        return self._file.tell()

    def add_topic(self, topic: Topic) -> None:
        """Declares a topic before its first message."""
        schema = self._writer.register_schema(topic.type_name, "ros2msg", topic.definition.encode())
        self._channels[topic.name] = self._writer.register_channel(
            topic.name, "cdr", schema, {"offered_qos_profiles": topic.qos}
        )
        self._sequences[topic.name] = 0

    def add(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """Appends a message of a declared topic."""
        with _writing(self.path):
            self._writer.add_message(
                self._channels[topic], received_ns, data, published_ns, self._sequences[topic]
            )
        self._sequences[topic] += 1
        self.messages += 1

    def add_note(self, name: str, values: Mapping[str, str]) -> None:
        """Keeps something to know about the recording (MCAP metadata)."""
        with _writing(self.path):
            self._writer.add_metadata(name, dict(values))

    def flush(self) -> None:
        """What was added so far survives the end of this process."""
        with _writing(self.path):
            self._writer.flush()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Adds the index and ends the file."""
        with _writing(self.path), self._file:
            self._writer.finish()  # type: ignore[no-untyped-call]


class Recording:
    """A file to be read, whole or up to where its recorder died."""

    def __init__(self, path: Path) -> None:
        """RecordingError if it is no MCAP file of ROS 2 messages."""
        self.path = path
        self.is_complete = False
        """Whether it has an end; known once all messages are read."""
        self.notes: dict[str, dict[str, str]] = {}
        """Of the recorder; filled while reading."""
        with _reading(path), path.open("rb") as file:
            header = next(StreamReader(file).records)
        profile = getattr(header, "profile", "")
        if profile != PROFILE:
            raise RecordingError(
                f"{path} is an MCAP file of profile {profile!r}, expected {PROFILE!r}: a recording "
                "of ROS 2 topics"
            )

    def topics(self) -> dict[str, Topic]:
        """By name; reads the whole file."""
        return {message.topic.name: message.topic for message in self.messages()}

    def messages(self) -> Iterator[Recorded]:
        """In the order of their arrival."""
        schemas: dict[int, Schema] = {}
        topics: dict[int, Topic] = {}
        self.is_complete = False
        with _reading(self.path), self.path.open("rb") as file:
            try:
                for record in StreamReader(file).records:
                    if isinstance(record, Schema):
                        schemas[record.id] = record
                    elif isinstance(record, Channel):
                        topics[record.id] = _topic(record, schemas)
                    elif isinstance(record, Metadata):
                        self.notes[record.name] = dict(record.metadata)
                    elif isinstance(record, Message):
                        yield Recorded(topics[record.channel_id], record.log_time, record.data)
            except (McapError, struct.error):
                if file.tell() < self.path.stat().st_size:
                    raise  # damaged, not cut short
                return
        self.is_complete = True


def _topic(channel: Channel, schemas: Mapping[int, Schema]) -> Topic:
    schema = schemas.get(channel.schema_id)
    if schema is None or channel.message_encoding != "cdr":
        raise RecordingError(
            f"{channel.topic} is recorded as {channel.message_encoding!r}; expected cdr with a type"
        )
    qos = channel.metadata.get("offered_qos_profiles", "")
    return Topic(channel.topic, schema.name, schema.data.decode(), qos)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turns what the disk does not do into a RecordingError."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else error.strerror
        raise RecordingError(
            f"{path} cannot be written on: {reason}. What was written before can be read"
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what is no MCAP file into a RecordingError."""
    try:
        yield
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
    except (McapError, ValueError, LookupError, struct.error, zstandard.ZstdError) as error:
        reason = str(error) or "it ends in its header"
        raise RecordingError(f"{path} is no MCAP file, or is damaged: {reason}") from error
