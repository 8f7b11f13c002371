"""What the robot is to do, for `Plan.msg`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from uio2_ros.robot.poses import Pose2D


class ActionKind(IntEnum):
    """Kinds of `uio2_ros/msg/ActionStep` (same numbers)."""

    PICK_PLACE = 0
    PUSH = 1
    DISCRETE = 2
    CONTINUOUS = 3

    @property
    def has_poses(self) -> bool:
        """Whether a step of this kind goes from a pose to another."""
        return self in (ActionKind.PICK_PLACE, ActionKind.PUSH)


@dataclass(frozen=True)
class Step:
    """One action: PICK_PLACE and PUSH have start and end, CONTINUOUS has values (SI units).

    DISCRETE is told by its name; its values are the motion that the name stands for.
    """

    kind: ActionKind
    name: str
    start: Pose2D | None = None
    end: Pose2D | None = None
    dimension_names: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    time_from_start_s: float = 0.0


@dataclass(frozen=True)
class TaskPlan:
    """The steps of a plan, in order, and the action space that gives them meaning."""

    action_space: str
    steps: tuple[Step, ...]
    frame_id: str = ""
