"""How a model is doing, and which one it is. Imports nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ModelState(str, Enum):
    """States of an `Answerer`."""

    STOPPED = "stopped"
    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"  # it died; the next start is waiting for its turn or loading
    FAILED = "failed"  # it cannot start with this configuration; `start` tries again


@dataclass(frozen=True)
class ModelDescription:
    """Which model it is, and what it was trained for; () where nobody says."""

    name: str = ""
    synthetic_weights: bool = False
    """Whether nobody trained it, so that its answers mean nothing."""
    family: str = ""
    """The family of models it is of, which decides what tasks there are."""
    tasks: tuple[str, ...] = ()
    action_spaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelStatus:
    """A state, why it is so, and what there is to know for diagnostics."""

    state: ModelState
    reason: str = ""
    """Why LOADING, RESTARTING or FAILED; never empty for RESTARTING and FAILED."""
    model: ModelDescription = field(default_factory=ModelDescription)
    """Empty until it was READY once."""
    pid: int | None = None
    suspended: bool = False
    """Whether the process is stopped (SIGSTOP, a debugger): it answers nothing until SIGCONT."""
    restarts: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """answered, failed, canceled, timed_out, busy, crashed, frames_encoded, frames_failed,
    frames_dropped, and the same of segments; those that are 0 are absent."""
