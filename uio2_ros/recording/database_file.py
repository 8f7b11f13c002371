"""Reads a rosbag2 file in SQLite (.db3). No ROS.

The tables are those of rosbag2_storage_sqlite3: `topics` and `messages`, since Iron also
`message_definitions`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

from uio2_ros.recording.damage import reading
from uio2_ros.recording.failures import RecordingError
from uio2_ros.recording.recorded import Recorded, Topic, plain_message

Row = dict[str, Any]
MAGIC = b"SQLite format 3\0"


class DatabaseFile:
    """A `RecordedFile` in SQLite."""

    is_complete = True

    def __init__(self, path: Path, named: Path) -> None:
        """`named` is what errors call it. RecordingError if it is no bag."""
        self._path, self._named = path, named
        tables = {row["name"] for row in self._rows("SELECT name FROM sqlite_master")}
        if not {"topics", "messages"} <= tables:
            raise RecordingError(
                f"{named} is a database, but no bag: it lacks the tables topics and messages"
            )
        self._has_definitions = "message_definitions" in tables
        self.notes: dict[str, dict[str, str]] = {}

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """Those that have messages, by name."""
        return {topic.name: topic for topic in self._topics.values()}

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Topics whose messages are not read, and why."""
        return {
            str(row["name"]): f"its messages are {row['serialization_format']!r} and not cdr"
            for row in self._topic_rows
            if row["serialization_format"] != "cdr"
        }

    def messages(self) -> Iterator[Recorded]:
        """In the order of their times."""
        query = "SELECT topic_id, timestamp, data FROM messages ORDER BY timestamp, id"
        with reading(self._named):
            for row in self._rows(query):
                topic = self._topics.get(row["topic_id"])
                if topic is not None:
                    yield Recorded(topic, row["timestamp"], plain_message(bytes(row["data"])))

    @cached_property
    def _topics(self) -> dict[int, Topic]:
        definitions = self._definitions
        return {
            row["id"]: Topic(
                row["name"],
                row["type"],
                definitions.get(row["type"]),
                row.get("offered_qos_profiles", ""),  # since Eloquent
            )
            for row in self._topic_rows
            if row["name"] not in self.unreadable
        }

    @cached_property
    def _topic_rows(self) -> list[Row]:
        used = "SELECT DISTINCT topic_id FROM messages"
        return list(self._rows(f"SELECT * FROM topics WHERE id IN ({used})"))

    @cached_property
    def _definitions(self) -> dict[str, str]:
        if not self._has_definitions:
            return {}
        rows = self._rows("SELECT * FROM message_definitions WHERE encoding = 'ros2msg'")
        return {str(row["topic_type"]): str(row["encoded_message_definition"]) for row in rows}

    def _rows(self, query: str) -> Iterator[Row]:
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with reading(self._named), closing(sqlite3.connect(uri, uri=True)) as database:
            rows = database.execute(query)
            names = [column[0] for column in rows.description]
            yield from (dict(zip(names, row, strict=True)) for row in rows)
