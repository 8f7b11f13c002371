"""The parameters of the recorder."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import setting


@dataclass(frozen=True)
class RecorderSettings:
    """How much is kept, and where."""

    seconds: float = setting(
        30.0, "seconds that are kept in memory and written when it matters", low=1.0, high=3600.0
    )
    most_bytes: int = setting(
        256 * 2**20,
        "most MiB of messages in memory; the oldest go first",
        low=1,
        high=65536,
        unit=2**20,
        name="megabytes",
    )
    after_s: float = setting(
        2.0, "seconds that are waited for before writing, for what follows", high=60.0, name="after"
    )
    directory: str = setting("uio2_kept", "folder that recordings are written to")
    disk_bytes: int = setting(
        2048 * 2**20,
        "most MiB of recordings in the folder; the oldest are removed",
        low=1,
        high=2**20,
        unit=2**20,
        name="disk_megabytes",
    )
    topics: str = setting("", "topics to keep, full names with spaces between; empty: all")
    agent: str = setting("agent", "the agent's node, whose error codes matter")
    bridge: str = setting("bridge", "the bridge's node, whose error codes matter")
