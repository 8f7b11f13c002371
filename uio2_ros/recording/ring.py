"""The last seconds of topics in memory, bounded in time and bytes, to be written when it matters.

Messages stay the CDR bytes that DDS carried. No rclpy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from uio2_ros.recording.recorded import Topic
from uio2_ros.recording.recording_writer import RecordingWriter
from uio2_ros.robot.time import to_ns


@dataclass(frozen=True)
class Kept:
    """One message and its times."""

    topic: str
    data: bytes = field(repr=False)
    received_ns: int
    published_ns: int


@dataclass(frozen=True)
class RingContent:
    """What the ring held at one moment. Any thread may write it."""

    topics: tuple[Topic, ...]
    notes: Mapping[str, Mapping[str, str]]
    messages: tuple[Kept, ...]

    def write(self, path: Path, reason: str) -> int:
        """Bytes of the new MCAP file, which appears whole or not at all. RecordingError."""
        unfinished = path.with_suffix(".part")
        try:
            self._write(RecordingWriter(unfinished), reason)
            unfinished.rename(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path.stat().st_size

    def _write(self, writer: RecordingWriter, reason: str) -> None:
        try:
            for topic in self.topics:
                writer.add_topic(topic)
            for name, values in {**self.notes, "uio2_kept": {"reason": reason}}.items():
                writer.add_note(name, values)
            for kept in self.messages:
                writer.add(
                    kept.topic,
                    kept.data,
                    received_ns=kept.received_ns,
                    published_ns=kept.published_ns,
                )
        finally:
            writer.close()


class MessageRing:
    """Takes the place of a `RecordingWriter`, and forgets. One thread.

    What is older than `seconds` is forgotten, and the oldest of what is more than `most_bytes`; of
    latched topics the newest message stays, because who listens later would get it, too.
    """

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._span_ns = to_ns(seconds)
        self._most_bytes = most_bytes
        self._messages: deque[Kept] = deque()
        self._topics: dict[str, Topic] = {}
        self._latched: dict[str, Kept] = {}
        self._notes: dict[str, dict[str, str]] = {}
        self.bytes = 0
        """Of the messages held, without those of latched topics alone."""
        self.forgotten = 0
        """Messages that had to go before their time, for want of room."""

    def __len__(self) -> int:
        return len(self._messages)

    def add_topic(self, topic: Topic) -> None:
        """Declares a topic before its first message."""
        self._topics[topic.name] = topic

    def add(self, topic: str, data: bytes, *, received_ns: int, published_ns: int) -> None:
        """Takes a message of a declared topic."""
        kept = Kept(topic, data, received_ns, published_ns)
        if self._messages and received_ns < self._messages[-1].received_ns - self._span_ns:
            self._clear()  # the clock jumped back
        if "transient_local" in self._topics[topic].qos:
            self._latched[topic] = kept
        self._messages.append(kept)
        self.bytes += len(data)
        self._forget(received_ns)

    def add_note(self, name: str, values: Mapping[str, str]) -> None:
        """Something to know about the recording."""
        self._notes[name] = dict(values)

    def flush(self) -> None:
        """There is no file."""

    def content(self) -> RingContent:
        """What it holds now; copies no message."""
        oldest_ns = self._messages[0].received_ns if self._messages else 0
        held = {id(kept) for kept in self._messages}
        before = [
            Kept(kept.topic, kept.data, oldest_ns, kept.published_ns)
            for kept in self._latched.values()
            if id(kept) not in held
        ]
        return RingContent(
            tuple(self._topics.values()),
            {name: dict(values) for name, values in self._notes.items()},
            (*before, *self._messages),
        )

    def _forget(self, now_ns: int) -> None:
        while self._messages:
            too_much = self.bytes > self._most_bytes
            if not too_much and now_ns - self._messages[0].received_ns <= self._span_ns:
                return
            self.forgotten += too_much
            self.bytes -= len(self._messages.popleft().data)

    def _clear(self) -> None:
        self._messages.clear()
        self.bytes = 0


def make_room(folder: Path, most_bytes: int) -> list[Path]:
    """Removes the oldest kept recordings of a folder until what is left is no more than that."""
    kept = (file for file in folder.glob("uio2_kept_*.mcap") if file.is_file())
    files = sorted(kept, key=lambda file: file.stat().st_mtime)
    total = sum(file.stat().st_size for file in files)
    removed = []
    while files and total > most_bytes:
        oldest = files.pop(0)
        total -= oldest.stat().st_size
        oldest.unlink(missing_ok=True)
        removed.append(oldest)
    return removed
