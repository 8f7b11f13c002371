"""The world memory on disk: one SQLite file. Standard library only.

Write-ahead logging and one transaction for each look: whatever ends the process, the file is that
of the last look. The file is locked while it is open, so that two agents never share one by chance.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path

APPLICATION_ID = 0x75696F32  # "uio2"
VERSION = 1
IN_MEMORY = ":memory:"
LOCK_WAIT_S = 1.0
DAMAGED = "damaged"


class MemoryFileError(RuntimeError):
    """A file that cannot be read or written; says which, why, and what to do."""


@dataclass(frozen=True)
class Row:
    """One object as it is stored: metres, unit quaternion, nanoseconds of ROS time, and seconds of
    the machine's own clock."""

    id: int
    label: str
    frame_id: str
    x: float
    y: float
    z: float
    qw: float
    qx: float
    qy: float
    qz: float
    length: float
    width: float
    height: float
    deviation: float
    source: int
    confidence: float
    stamp_ns: int
    wall_s: float
    sightings: int
    missed: int
    picture: bytes


_TYPES = {"int": "INTEGER", "float": "REAL", "str": "TEXT", "bytes": "BLOB"}
_COLUMNS = tuple(column.name for column in fields(Row))
_SCHEMA = ", ".join(f"{column.name} {_TYPES[str(column.type)]} NOT NULL" for column in fields(Row))
_SCHEMA = _SCHEMA.replace("id INTEGER NOT NULL", "id INTEGER PRIMARY KEY AUTOINCREMENT", 1)


class MemoryFile:
    """One thread at a time. MemoryFileError from every method where the file fails."""

    def __init__(self, path: str) -> None:
        """Opens or makes the file. One that is damaged is moved aside, which `problem` tells.

        MemoryFileError for one that another process has open, that cannot be written, or that is
        of something else or of a newer version.
        """
        self.path = path
        self.problem = ""
        if path != IN_MEMORY:
            with _told(path):
                Path(path).absolute().parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = _opened(path)
        except sqlite3.OperationalError as error:  # locked, read-only, no such folder
            raise MemoryFileError(_sentence(path, error)) from error
        except sqlite3.DatabaseError as error:
            moved = _moved_aside(Path(path))
            self.problem = (
                f"the world memory {path} is damaged ({error}) and was moved to {moved}; it begins "
                "anew"
            )
            with _told(path):
                self._database = _opened(path)

    def rows(self, frame_id: str) -> list[Row]:
        """What is stored of a frame."""
        asked = f"SELECT {', '.join(_COLUMNS)} FROM objects WHERE frame_id = ? ORDER BY id"
        with _told(self.path):
            return [Row(*found) for found in self._database.execute(asked, (frame_id,))]

    def next_id(self) -> int:
        """One more than any that there ever was."""
        with _told(self.path):
            found = self._database.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'objects'"
            ).fetchone()
        return 1 + (found[0] if found else 0)

    def write(self, changed: Iterable[Row], gone: Iterable[int]) -> None:
        """Stores and deletes, both or neither."""
        marks = ", ".join("?" * len(_COLUMNS))
        with _told(self.path), self._database:
            self._database.executemany(
                f"INSERT OR REPLACE INTO objects ({', '.join(_COLUMNS)}) VALUES ({marks})",
                map(astuple, changed),
            )
            self._database.executemany(
                "DELETE FROM objects WHERE id = ?", [(number,) for number in gone]
            )

    def close(self) -> None:
        """Gives the file back."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Errors as MemoryFileError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise MemoryFileError(_sentence(path, error)) from error


def _sentence(path: str, error: Exception) -> str:
    reason = "another agent has it open" if "locked" in str(error) else str(error)
    return (
        f"the world memory {path} cannot be used ({reason}); free it, or give another with the "
        "parameter memory.file"
    )


def _opened(path: str) -> sqlite3.Connection:
    """sqlite3.DatabaseError for a file that is damaged, OperationalError for other reasons."""
    database = sqlite3.connect(path, timeout=LOCK_WAIT_S, check_same_thread=False)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        (health,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        _expect_ours(database, path)
        with database:
            database.execute(f"CREATE TABLE IF NOT EXISTS objects ({_SCHEMA})")
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        database.close()
        raise
    return database


def _expect_ours(database: sqlite3.Connection, path: str) -> None:
    """MemoryFileError for a file of something else, which is left alone."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise MemoryFileError(
            f"{path} is a database of something else and is left alone; give another file with the "
            "parameter memory.file"
        )
    if tables and version != VERSION:
        raise MemoryFileError(
            f"the world memory {path} has version {version} and this program reads {VERSION}; give "
            "another file, or the program that wrote it"
        )


def _moved_aside(path: Path) -> Path:
    """Where the file, with its log, is now."""
    suffix = f".{DAMAGED}-{datetime.now():%Y%m%d-%H%M%S}"
    with _told(str(path)):
        for name in (f"{path}-wal", f"{path}-shm", str(path)):
            if Path(name).exists():
                Path(name).rename(f"{name}{suffix}")
    return Path(f"{path}{suffix}")
