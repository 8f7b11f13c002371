"""Reads an MCAP file in the order of its times, whatever the order in it, and if cut short.

The file is looked through once, with its checksums, which tells where its messages lie: in chunks,
or beside each other outside of chunks. Then a chunk is read when its first message is due. No ROS.
"""

from __future__ import annotations

import heapq
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import lz4.frame
import zstandard
from mcap.exceptions import EndOfFile, McapError, RecordLengthLimitExceeded
from mcap.records import Channel, Chunk, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import StreamReader, breakup_chunk

from uio2_ros.recording.damage import reading
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorded import (
    LARGEST_MESSAGE,
    Recorded,
    Topic,
    claimed_size,
    plain_message,
)

MAGIC = b"\x89MCAP0\r\n"
RUN_BYTES = 2**20
"""Messages outside of chunks are read so many bytes at a time."""
ROS1_PROFILE = "ros1"


@dataclass(frozen=True)
class _Block:
    """Bytes [start, end) of the file: a chunk, or a run of messages that are in none."""

    first_ns: int
    start: int
    end: int
    is_chunk: bool


@dataclass
class _Contents:
    """What a file turned out to hold."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)
    """Channels that have messages."""
    notes: dict[str, dict[str, str]] = field(default_factory=dict)
    blocks: list[_Block] = field(default_factory=list)
    is_complete: bool = False

    def add(self, record: McapRecord, start: int, end: int) -> None:
        """Takes note of a record that lies in the bytes [start, end)."""
        if isinstance(record, Chunk):
            times = [self._learn(part) for part in _parts(record)]
            found = [time_ns for time_ns in times if time_ns is not None]
            if found:
                self.blocks.append(_Block(min(found), start, end, is_chunk=True))
            return
        time_ns = self._learn(record)
        if time_ns is not None:
            self._extend_run(time_ns, start, end)

    def _learn(self, record: McapRecord) -> int | None:
        """Keeps what a record tells; the time of a message."""
        if isinstance(record, Schema):
            self.schemas[record.id] = record
        elif isinstance(record, Channel):
            self.channels[record.id] = record
        elif isinstance(record, Metadata):
            self.notes[record.name] = dict(record.metadata)
        elif isinstance(record, Message):
            if record.channel_id not in self.channels:
                raise McapError(f"a message is of channel {record.channel_id}, which is not told")
            self.used.add(record.channel_id)
            return _time_ns(record)
        return None

    def _extend_run(self, time_ns: int, start: int, end: int) -> None:
        last = self.blocks[-1] if self.blocks else None
        if last is None or last.is_chunk or end - last.start > RUN_BYTES:
            self.blocks.append(_Block(time_ns, start, end, is_chunk=False))
        else:
            self.blocks[-1] = replace(last, first_ns=min(last.first_ns, time_ns), end=end)


class McapFile:
    """A `RecordedFile` in MCAP."""

    def __init__(self, path: Path, named: Path) -> None:
        """`named` is what errors call it. RecordingError if it is no MCAP file for ROS 2."""
        self._path, self._named = path, named
        with reading(named), path.open("rb") as file:
            header = next(StreamReader(file).records)
        if getattr(header, "profile", "") == ROS1_PROFILE:
            raise RecordingError(ros1_refusal(named))

    @property
    def is_complete(self) -> bool:
        """Whether it has an end."""
        return self._contents.is_complete

    @property
    def notes(self) -> dict[str, dict[str, str]]:
        """Of the recorder: MCAP's metadata records."""
        return self._contents.notes

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Topics whose messages are not read, and why."""
        told = {channel.topic: _problem(channel, self._schema(channel)) for channel in self._used}
        return {topic: problem for topic, problem in told.items() if problem}

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """Those that have messages, by name."""
        return {topic.name: topic for topic in self._topics.values()}

    def messages(self) -> Iterator[Recorded]:
        """In the order of their times; those of one time as they lie in the file."""
        with reading(self._named), self._path.open("rb") as file:
            for message in _in_time_order(self._contents.blocks, file):
                topic = self._topics.get(message.channel_id)
                if topic is not None:
                    yield Recorded(topic, _time_ns(message), plain_message(message.data))

    @cached_property
    def _topics(self) -> dict[int, Topic]:
        return {
            channel.id: _topic(channel, self._schema(channel))
            for channel in self._used
            if channel.topic not in self.unreadable
        }

    @property
    def _used(self) -> list[Channel]:
        return [self._contents.channels[number] for number in sorted(self._contents.used)]

    def _schema(self, channel: Channel) -> Schema | None:
        return self._contents.schemas.get(channel.schema_id)

    @cached_property
    def _contents(self) -> _Contents:
        contents = _Contents()
        with reading(self._named), self._path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            limit = max(size, len(MAGIC))
            reader = StreamReader(
                file, emit_chunks=True, validate_crcs=True, record_size_limit=limit
            )
            try:
                start = 0
                for record in reader.records:
                    contents.add(record, start, file.tell())
                    start = file.tell()
                contents.is_complete = True
            except (EndOfFile, RecordLengthLimitExceeded, struct.error):
                if not _is_cut_short(file, size):
                    raise
        return contents


def ros1_refusal(path: Path) -> str:
    """Why a recording of ROS 1 is not read, and what makes one of ROS 2 of it."""
    return (
        f"{path} is a recording of ROS 1; make one of ROS 2 of it: pip install rosbags, then "
        f"rosbags-convert --src {path} --dst {path.with_suffix('')}_ros2"
    )


def _is_cut_short(file: BinaryIO, size: int) -> bool:
    """Whether a file whose reading ran into its end was not finished; else it is damaged."""
    file.seek(max(0, size - len(MAGIC)))
    return file.read() != MAGIC


def _in_time_order(blocks: Iterable[_Block], file: BinaryIO) -> Iterator[Message]:
    """All messages; in memory are those of blocks that overlap in time."""
    waiting: list[tuple[int, int, int, Message]] = []
    for block in sorted(blocks, key=lambda block: block.first_ns):
        while waiting and waiting[0][0] < block.first_ns:
            yield heapq.heappop(waiting)[-1]
        for number, message in enumerate(_messages_of(block, file)):
            heapq.heappush(waiting, (_time_ns(message), block.start, number, message))
    while waiting:
        yield heapq.heappop(waiting)[-1]


def _messages_of(block: _Block, file: BinaryIO) -> Iterator[Message]:
    file.seek(block.start)
    for record in StreamReader(file, skip_magic=True, emit_chunks=True).records:
        parts = _parts(record) if isinstance(record, Chunk) else [record]
        yield from (part for part in parts if isinstance(part, Message))
        if file.tell() >= block.end:
            return


def _parts(chunk: Chunk) -> list[McapRecord]:
    """The records of a chunk, whose checksum is verified."""
    return breakup_chunk(replace(chunk, compression="", data=_plain(chunk)), validate_crc=True)


def _plain(chunk: Chunk) -> bytes:
    """The chunk's bytes; of no more of them than it claims are made."""
    size = chunk.uncompressed_size
    if size > LARGEST_MESSAGE:
        raise McapError(f"a chunk claims {size} bytes; {LARGEST_MESSAGE} are the limit")
    if chunk.compression == "zstd":
        claimed_size(chunk.data)
        data = zstandard.ZstdDecompressor().decompress(chunk.data, max_output_size=size)
    elif chunk.compression == "lz4":
        data = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=size + 1)
    elif chunk.compression == "":
        data = chunk.data
    else:
        raise McapError(f"a chunk is compressed with {chunk.compression!r}; expected zstd or lz4")
    if len(data) != size:
        raise McapError(f"a chunk has {len(data)} bytes; {size} were written")
    return bytes(data)


def _time_ns(message: Message) -> int:
    return int(message.log_time or message.publish_time)


def _problem(channel: Channel, schema: Schema | None) -> str:
    """Why a channel is not read; "" where it is."""
    if channel.message_encoding != "cdr":
        return f"its messages are {channel.message_encoding!r} and not cdr, which ROS 2 speaks"
    if schema is None or not schema.name:
        return "its type is not told"
    if schema.encoding not in ("ros2msg", "ros2idl", ""):
        return f"its type is defined in {schema.encoding!r} and not in ros2msg"
    return ""


def _topic(channel: Channel, schema: Schema | None) -> Topic:
    assert schema is not None, "what has no type is unreadable"
    definition = _text(schema.data) if schema.encoding == "ros2msg" else None
    qos = channel.metadata.get("offered_qos_profiles", "")
    return Topic(channel.topic, schema.name, definition, qos)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
