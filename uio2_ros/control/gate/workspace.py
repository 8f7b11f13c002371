"""Where the robot may be: one box that is never left, and zones that are never entered.

frame: base_link                   # of everything below; a zone may name its own
box: {low: [-0.8, -0.8, 0.0], high: [0.8, 0.8, 1.2]}          # metres along x, y, z
keep_out:
  - {name: the seat, low: [0.5, -0.8, 0.0], high: [0.8, -0.4, 1.2]}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uio2_ros.control.frames import FreshFrames
from uio2_ros.robot.plan_errors import Cause, PlanError, Where
from uio2_ros.robot.poses import Vector3
from uio2_ros.robot.records import FieldError, read_yaml

Points = npt.NDArray[np.float64]

SLACK_M = 1e-6
"""What a point may be beyond a face from rounding."""


class WorkspaceError(ValueError):
    """A workspace file that cannot be used; the message names the file and the line."""


@dataclass(frozen=True)
class BoxRecord:
    """A box as a file declares it."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    name: str = "the box"
    frame: str = ""

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip(self.low, self.high, strict=True)):
            raise FieldError(f"is {list(self.low)}, expected less than {list(self.high)}", "low")


@dataclass(frozen=True)
class WorkspaceRecord:
    """A workspace as its file declares it."""

    frame: str
    box: BoxRecord | None = None
    keep_out: tuple[BoxRecord, ...] = ()


@dataclass(frozen=True)
class Zone:
    """A box along the axes of a frame, metres."""

    name: str
    frame_id: str
    low: Vector3
    high: Vector3

    def holds(self, points: Points) -> npt.NDArray[np.bool_]:
        """(N,) whether each of (N, 3) points is inside or on a face."""
        inside = (points >= np.subtract(self.low, SLACK_M)) & (points <= np.add(self.high, SLACK_M))
        return np.asarray(inside.all(axis=-1))

    def meets(self, begins: Points, ends: Points) -> npt.NDArray[np.bool_]:
        """(N,) whether each straight way from (N, 3) to (N, 3) touches it anywhere."""
        way = ends - begins
        moves = way != 0
        divisor = np.where(moves, way, 1.0)
        with np.errstate(over="ignore"):  # of ways so short that a face is infinitely far
            first = (np.array(self.low) - begins) / divisor
            second = (np.array(self.high) - begins) / divisor
        within = (begins >= self.low) & (begins <= self.high)
        stays = np.where(within, -np.inf, np.inf)  # of an axis along which nothing moves
        near = np.where(moves, np.minimum(first, second), stays).max(axis=-1)
        far = np.where(moves, np.maximum(first, second), -stays).min(axis=-1)
        return np.asarray((near <= far) & (far >= 0) & (near <= 1))


@dataclass(frozen=True)
class Workspace:
    """Empty: the robot may be anywhere."""

    box: Zone | None = None
    keep_out: tuple[Zone, ...] = ()

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The box, if there is one, and the zones."""
        return (*([self.box] if self.box else []), *self.keep_out)

    def expect_clear(
        self, points: Points, frame_id: str, frames: FreshFrames, now_s: float, what: str
    ) -> None:
        """PlanError OUT_OF_WORKSPACE or KEEP_OUT_ZONE for a way through (N, 3) points.

        The way is straight between two points. TF_ERROR if the frame of a zone is not known.
        """
        for zone in self.zones:
            placed = frames.pose_of(frame_id, zone.frame_id, now_s)
            there = points @ placed.matrix[:3, :3].T + placed.matrix[:3, 3]
            if zone is self.box:
                _expect_inside(zone, there, what)
            else:
                _expect_outside(zone, there, what)


def read_workspace(path: str) -> Workspace:
    """The workspace of a file; an empty one without a path. WorkspaceError."""
    if not path:
        return Workspace()
    record = read_yaml(Path(path).expanduser(), WorkspaceRecord, WorkspaceError)
    box = None if record.box is None else _zone(record.box, record.frame)
    return Workspace(box, tuple(_zone(zone, record.frame) for zone in record.keep_out))


def _zone(record: BoxRecord, frame_id: str) -> Zone:
    return Zone(record.name, record.frame or frame_id, record.low, record.high)


def _expect_inside(box: Zone, points: Points, what: str) -> None:
    outside = np.flatnonzero(~box.holds(points))
    if len(outside):
        point = points[outside[0]]
        raise PlanError(
            Cause.OUT_OF_WORKSPACE,
            f"{what} would be at {_place(point)} in {box.frame_id}, outside {box.name} from "
            f"{_place(box.low)} to {_place(box.high)}",
            Where.of(box.frame_id, point),
        )


def _expect_outside(zone: Zone, points: Points, what: str) -> None:
    ends = points[1:] if len(points) > 1 else points
    hits = np.flatnonzero(zone.meets(points[: len(ends)], ends))
    if len(hits):
        begin, end = points[hits[0]], ends[hits[0]]
        raise PlanError(
            Cause.KEEP_OUT_ZONE,
            f"{what} would go from {_place(begin)} to {_place(end)} in {zone.frame_id}, into the "
            f"keep-out zone {zone.name!r} from {_place(zone.low)} to {_place(zone.high)}",
            Where.of(zone.frame_id, begin, end),
        )


def _place(point: npt.ArrayLike) -> str:
    x, y, z = np.asarray(point, dtype=float)
    return f"({x:.3f}, {y:.3f}, {z:.3f}) m"
