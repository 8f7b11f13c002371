"""What one client may ask of a server."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import check, setting

MIB = 2**20


@dataclass(frozen=True)
class ServerLimits:
    """Bounds of what clients send; ValueError for values that make no sense."""

    message_bytes: int = setting(
        32 * MIB, "most MiB of one message", name="message_megabytes", low=1, high=1024, unit=MIB
    )
    picture_pixels: int = setting(16 * MIB, "most pixels of one picture", low=1, high=2**31 - 1)
    connections: int = setting(64, "clients connected at once", low=1, high=10000)
    connections_each: int = setting(
        32, "clients connected from one address at once", low=1, high=10000
    )
    requests: int = setting(
        8, "instructions of one client at once; more are BUSY", low=1, high=1000
    )
    shelf_bytes: int = setting(
        64 * MIB,
        "MiB of pictures kept for each client, so that its history travels once",
        name="history_megabytes",
        high=65536,
        unit=MIB,
    )
    sound_seconds: float = setting(120.0, "most seconds of sound", low=0.001)

    def __post_init__(self) -> None:
        check(self)
