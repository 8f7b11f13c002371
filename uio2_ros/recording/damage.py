"""What damaged files make of the libraries that read them, as a RecordingError."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
import zstandard
from mcap.exceptions import McapError

from uio2_ros.recording.failures import RecordingError

DAMAGED = (
    *(McapError, zstandard.ZstdError, sqlite3.Error, yaml.YAMLError, struct.error),
    *(TypeError, ValueError, LookupError, RuntimeError, EOFError, OverflowError, MemoryError),
)
"""What the libraries raise that read files; lz4 raises RuntimeError."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what a damaged file makes of its reader into a RecordingError that names the file."""
    try:
        yield
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error
    except DAMAGED as error:
        reason = str(error) or type(error).__name__
        raise RecordingError(
            f"{path} is damaged: {reason}; `mcap recover {path.name} -o whole.mcap` saves what can "
            "be read of an MCAP file"
        ) from error
