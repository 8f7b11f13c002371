"""Bounds and patience of the client half. Imports nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServingSettings:
    """Bounds and patience of a `ModelProcess`; ValueError for values that make no sense."""

    queue_size: int = 4
    """Instructions that may wait for the running one; more are BUSY."""
    grace_s: float = 10.0
    """Time for the model to react to a cancellation or deadline before it is killed."""
    backoff_s: float = 0.5
    """Wait before the first restart; doubles with each until an instruction is answered."""
    max_backoff_s: float = 30.0
    max_load_crashes: int = 3
    """Deaths in a row while loading after which the state is FAILED."""
    stop_s: float = 1.0
    """Time to end by itself at `stop` before it is killed."""

    def __post_init__(self) -> None:
        for name in ("queue_size", "grace_s", "backoff_s", "max_backoff_s", "stop_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} of a model process is {getattr(self, name)}; give >= 0")
        if self.max_load_crashes < 1:
            raise ValueError(f"max_load_crashes is {self.max_load_crashes}; give 1 or more")
