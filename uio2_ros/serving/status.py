"""How the inference process is doing. Imports nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ModelState(str, Enum):
    """States of a `ModelProcess`."""

    STOPPED = "stopped"
    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"  # it died; the next start is waiting for its turn or loading
    FAILED = "failed"  # it cannot start with this configuration; `start` tries again


@dataclass(frozen=True)
class ModelStatus:
    """A state, why it is so, and what there is to know for diagnostics."""

    state: ModelState
    reason: str = ""
    """Why LOADING, RESTARTING or FAILED; never empty for RESTARTING and FAILED."""
    model: str = ""
    """The engine's name, once READY."""
    synthetic_weights: bool = False
    pid: int | None = None
    suspended: bool = False
    """Whether the process is stopped (SIGSTOP, a debugger): it answers nothing until SIGCONT."""
    restarts: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """answered, failed, canceled, timed_out, busy, crashed, frames_encoded, frames_failed,
    frames_dropped; those that are 0 are absent."""
