"""Writes MCAP files of ROS 2 messages so that a crash loses little.

Messages stay the CDR bytes that DDS carried. No rclpy.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mcap.writer import CompressionType, Writer

from uio2_ros import __version__
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorded import Topic

PROFILE = "ros2"
LIBRARY = f"uio2_ros {__version__}"
CHUNK_BYTES = 4 * 2**20
COMPRESSIONS = {
    "zstd": CompressionType.ZSTD,
    "lz4": CompressionType.LZ4,
    "none": CompressionType.NONE,
}


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
        definition = (topic.definition or "").encode()
        schema = self._writer.register_schema(topic.type_name, "ros2msg", definition)
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
