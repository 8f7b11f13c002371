"""Bounds and patience of the client half."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.settings import check, setting


@dataclass(frozen=True)
class ServingSettings:
    """Bounds and patience of a `ModelProcess`; ValueError for values that make no sense."""

    queue_size: int = setting(
        4, "instructions that may wait for those under way; more are BUSY", high=1000
    )
    concurrent: int = setting(
        1,
        "instructions answered at once; texts share the passes of the model, pictures and sounds "
        "are made alone",
        low=1,
        high=256,
    )
    grace_s: float = setting(
        10.0,
        "seconds the model may take to heed a cancellation or deadline before it is replaced",
        name="grace",
    )
    backoff_s: float = setting(
        0.5, "seconds before the model is restarted, doubling each time", name="backoff"
    )
    max_backoff_s: float = setting(
        30.0, "most seconds before the model is restarted", name="max_backoff"
    )
    max_load_crashes: int = setting(
        3, "deaths in a row while loading after which the agent gives up", low=1, high=1000
    )
    stop_s: float = 1.0
    """Time to end by itself at `stop` before it is killed."""

    def __post_init__(self) -> None:
        check(self)
