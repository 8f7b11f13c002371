"""What goes wrong with recordings. Imports nothing of ours."""

from __future__ import annotations


class RecordingError(Exception):
    """A recording that cannot be written, read or played; the message says why and what to do."""
