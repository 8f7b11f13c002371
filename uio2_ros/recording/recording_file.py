"""Recordings to be read: MCAP and SQLite files, plain or compressed, or a bag of several. No ROS.

A file is known by its first bytes, not by its name.
"""

from __future__ import annotations

import heapq
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import IO

import yaml
import zstandard

from uio2_ros.recording import database_file, mcap_file
from uio2_ros.recording.damage import reading
from uio2_ros.recording.database_file import DatabaseFile
from uio2_ros.recording.definitions import layout_difference
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.mcap_file import McapFile, ros1_refusal
from uio2_ros.recording.recorded import ZSTD_MAGIC, Recorded, RecordedFile, Topic

METADATA = "metadata.yaml"
_ROS1_MAGIC = b"#ROSBAG"
_LONGEST_MAGIC = 16


class Recording:
    """A file or a bag (the folder of rosbag2) to be read, whole or up to where its recorder died.

    Everything may raise RecordingError: files are looked through when something is asked of them.
    """

    def __init__(self, path: Path) -> None:
        """RecordingError if it is no recording of ROS 2."""
        self.path = path
        paths = _files_of_bag(path) if path.is_dir() else [path]
        self._copies: list[IO[bytes]] = []
        self._files = [_opened(part, self._copies) for part in paths]

    @property
    def is_complete(self) -> bool:
        """Whether it has an end."""
        return all(file.is_complete for file in self._files)

    @property
    def notes(self) -> dict[str, Mapping[str, str]]:
        """Of the recorder."""
        return {name: values for file in self._files for name, values in file.notes.items()}

    @property
    def unreadable(self) -> dict[str, str]:
        """Topics whose messages are not read, and why."""
        return {name: why for file in self._files for name, why in file.unreadable.items()}

    def topics(self) -> dict[str, Topic]:
        """Those that have messages, by name."""
        return dict(self._topics)

    def messages(self) -> Iterator[Recorded]:
        """In the order of the times at which they were received."""
        streams = [file.messages() for file in self._files]
        for message in heapq.merge(*streams, key=lambda message: message.time_ns):
            yield replace(message, topic=self._topics[message.topic.name])

    @cached_property
    def _topics(self) -> dict[str, Topic]:
        """One per name, though each file and each publisher may have told its own."""
        found: dict[str, Topic] = {}
        for file in self._files:
            for name, topic in file.topics.items():
                _expect_same_type(self.path, found.setdefault(name, topic), topic)
        return found


def _expect_same_type(path: Path, first: Topic, other: Topic) -> None:
    texts = (first.definition, other.definition)
    differ = first.type_name != other.type_name
    if not differ and None not in texts and texts[0] != texts[1]:
        differ = bool(layout_difference(first.type_name, texts[0] or "", texts[1] or ""))
    if differ:
        raise RecordingError(
            f"{path} has messages of {first.type_name} and other ones of {other.type_name} on "
            f"{first.name}; read its files one by one"
        )


def _files_of_bag(folder: Path) -> list[Path]:
    """The files that a bag's metadata names. RecordingError."""
    metadata = folder / METADATA
    if not metadata.is_file():
        raise RecordingError(
            f"{folder} is no bag: it has no {METADATA}; `ros2 bag reindex {folder}` writes it, or "
            "name a file"
        )
    with reading(metadata):
        told = yaml.safe_load(metadata.read_text(encoding="utf-8"))
        names = told["rosbag2_bagfile_information"]["relative_file_paths"] if told else []
        files = [folder / PurePath(name).name for name in names]  # old ones name the folder, too
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        raise RecordingError(
            f"{metadata} names {', '.join(missing) or 'no file'}, which is not there; bring it "
            f"back, or `ros2 bag reindex {folder}`"
        )
    return files


def _opened(path: Path, copies: list[IO[bytes]]) -> RecordedFile:
    """`copies` is given the temporary file that a compressed one is decompressed into."""
    with reading(path), path.open("rb") as file:
        magic = file.read(_LONGEST_MAGIC)
    if not magic.startswith(ZSTD_MAGIC):
        return _opened_plain(path, path, magic)
    copies.append(_decompressed(path))
    copies[-1].seek(0)
    return _opened_plain(Path(copies[-1].name), path, copies[-1].read(_LONGEST_MAGIC))


def _opened_plain(path: Path, named: Path, magic: bytes) -> RecordedFile:
    if magic.startswith(mcap_file.MAGIC):
        return McapFile(path, named)
    if magic.startswith(database_file.MAGIC):
        return DatabaseFile(path, named)
    if magic.startswith(_ROS1_MAGIC):
        raise RecordingError(ros1_refusal(named))
    raise RecordingError(
        f"{named} is no recording: it begins with {magic!r}; expected an MCAP file, a bag's .db3, "
        "either of them compressed (.zstd), or the folder of a bag"
    )


def _decompressed(path: Path) -> IO[bytes]:
    """The content of a file that rosbag2 compressed as a whole (mode FILE)."""
    copy = tempfile.NamedTemporaryFile()  # noqa: SIM115, lives as long as the recording
    with reading(path), path.open("rb") as packed:
        unpacking = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        with unpacking as plain:
            shutil.copyfileobj(plain, copy)
        copy.flush()
    return copy
