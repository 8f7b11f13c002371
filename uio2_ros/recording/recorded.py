"""What recordings hold: topics and their messages. Imports nothing of ROS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import zstandard

from uio2_ros.messages.serialised import check_encapsulation

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LARGEST_MESSAGE = 2**30
"""Bytes; compressed data that claims more is damaged or hostile."""


@dataclass(frozen=True)
class Topic:
    """A topic of a recording.

    `definition` is its type's with all it depends on; None where the recording does not tell it
    (rosbag2 of Humble and before). `qos` is the offered_qos_profiles of its publishers.
    """

    name: str
    type_name: str
    definition: str | None = field(repr=False)
    qos: str = field(default="", repr=False)


@dataclass(frozen=True)
class Recorded:
    """One message: when it was received, and its CDR bytes."""

    topic: Topic
    time_ns: int
    data: bytes = field(repr=False)


class RecordedFile(Protocol):
    """One file of a recording. Everything raises RecordingError for a file that is damaged."""

    @property
    def topics(self) -> Mapping[str, Topic]:
        """Those that have messages, by name."""

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Topics whose messages are not read, and why."""

    @property
    def notes(self) -> Mapping[str, Mapping[str, str]]:
        """Of the recorder."""

    @property
    def is_complete(self) -> bool:
        """Whether it has an end, which it lacks if its recorder died."""

    def messages(self) -> Iterator[Recorded]:
        """In the order of their times."""


def plain_message(data: bytes) -> bytes:
    """The CDR bytes of a message that rosbag2 may have compressed by itself (mode MESSAGE).

    CDR begins with a zero byte, zstd does not. Raises ZstdError, and InvalidInputError for what
    would end the process of whoever deserialises it.
    """
    if data[:4] == ZSTD_MAGIC:
        whole = zstandard.ZstdDecompressor()
        data = whole.decompress(data, max_output_size=claimed_size(data))
    check_encapsulation(data)
    return data


def claimed_size(data: bytes) -> int:
    """Bytes that a zstd frame says it has, or the most it may have. Raises ZstdError."""
    claimed = zstandard.frame_content_size(data)
    if claimed > LARGEST_MESSAGE:
        raise zstandard.ZstdError(f"{claimed} bytes are claimed; {LARGEST_MESSAGE} are the limit")
    return LARGEST_MESSAGE if claimed < 0 else int(claimed)
