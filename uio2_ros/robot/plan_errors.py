"""Why a plan is not carried out, or no longer. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Cause(IntEnum):
    """The error codes of `uio2_ros/action/ExecutePlan` (same names, same numbers)."""

    NONE = 0
    UNKNOWN = 9200
    INVALID_PLAN = 9201
    STALE_PLAN = 9202
    OUT_OF_LIMITS = 9203
    TF_ERROR = 9204
    NO_STATE = 9205
    TIMEOUT = 9206
    CANCELED = 9207
    STOPPED = 9208
    PREEMPTED = 9209
    AGENT_LOST = 9210
    NO_CONTROLLER = 9211
    CONTROLLER_REJECTED = 9212
    CONTROLLER_FAILED = 9213
    CONTROLLER_REFUSED = 9214
    GOAL_TOLERANCE_VIOLATED = 9215
    CLOCK_STOPPED = 9216
    CLIENT_LOST = 9217
    DUPLICATE_NODE = 9218
    DRY_RUN = 9219
    ESTOP = 9220
    ESTOP_LOST = 9221
    OUT_OF_WORKSPACE = 9222
    KEEP_OUT_ZONE = 9223
    SPEED_LIMIT = 9224
    ACCELERATION_LIMIT = 9225
    JOINT_LIMIT = 9226
    FAR_START = 9227
    SCENE_CHANGED = 9228


@dataclass(frozen=True)
class Where:
    """What an error is about: a place, or the points of a way, metres in a frame."""

    frame_id: str
    points: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(cls, frame_id: str, *points: Sequence[float]) -> Where:
        """(3,) each."""
        return cls(frame_id, tuple((float(x), float(y), float(z)) for x, y, z in points))


class PlanError(ValueError):
    """A plan that cannot be carried out: why, as a code for programs and a text for people.

    The message names what was wrong, what was expected and what to do.
    """

    def __init__(self, cause: Cause, message: str, where: Where | None = None) -> None:
        """where: what a viewer should show beside the text."""
        if not message:
            raise ValueError("a PlanError needs a message")
        super().__init__(cause, message)
        self.where = where
        self.cause = cause
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.cause.name} {int(self.cause)}]"
