"""What a plan asks of the robot, before any limit of ours makes it slower or smoother."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from uio2_ros.control.axes import SLOTS, Array, Axes, Drive, indices_of, joints_of, slot_of
from uio2_ros.control.chunks import Chunk
from uio2_ros.control.commands import PoseCommand
from uio2_ros.control.moves import Displacement
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.poses import Pose3D, Vector3

ARC_STEPS = 8
"""Straight pieces of each step of a base that drives and turns."""


def _none() -> Array:
    return np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class AskedMotion:
    """N steps in time and a way in space; all may be empty. SI units.

    start: (3,) how far the first position is from the tip, (0,) where nobody knows. path: (P, 3) in
    `frame_id`, straight between two points. joint_start: (J,) how far the first positions are from
    the joints, NaN where nobody knows.
    """

    frame_id: str
    what: str
    """Whose way it is."""
    path: Array = field(default_factory=_none)
    lengths_s: Array = field(default_factory=lambda: np.zeros(0))  # (N,)
    linear: Array = field(default_factory=_none)  # (N, 3) m/s
    angular: Array = field(default_factory=_none)  # (N, 3) rad/s
    joints: tuple[str, ...] = ()
    joint_positions: Array = field(default_factory=lambda: np.zeros((0, 0)))  # (N, J)
    joint_speeds: Array = field(default_factory=lambda: np.zeros((0, 0)))  # (N, J)
    joint_start: Array = field(default_factory=lambda: np.zeros(0))
    start: Array = field(default_factory=lambda: np.zeros(0))

    def __str__(self) -> str:
        """In words, for who reads what would move."""
        way_m = float(np.linalg.norm(np.diff(self.path, axis=0), axis=1).sum())
        parts = [f"{self.what} {way_m:.2f} m"] if len(self.path) else []
        if self.joints:
            first, last = self.joint_positions[0] - self.joint_start, self.joint_positions[-1]
            ways = np.nan_to_num(last - first)
            parts += [f"{name} {way:+.2f}" for name, way in zip(self.joints, ways, strict=True)]
        return f"{', '.join(parts) or self.what} in {self.lengths_s.sum():.1f} s"


def asked_of_chunk(
    chunk: Chunk,
    space: ActionSpace,
    axes: Axes,
    *,
    frame_id: str,
    placed: Pose3D,
    joints: Array,
    tip: Vector3 | None,
) -> AskedMotion:
    """What a chunk asks for. frame_id: of the commands; placed: the space's frame in it.

    joints: (J,) where the joints are that the space moves, NaN where nobody knows; tip: where the
    tip is in `frame_id`, if that is known.
    """
    present = _present(space, joints, None if tip is None else _within(placed, tip))
    ways = _ways(chunk, axes, present)
    rates = ways / chunk.lengths_s[:, np.newaxis]
    at = indices_of(space, Drive.JOINT)
    posed = bool(indices_of(space, Drive.POSE))
    slots, moved = _in_slots(space, rates), _in_slots(space, ways)
    first = moved[0, :3]
    return AskedMotion(
        frame_id=frame_id,
        what="the tip" if posed or space.tip_frame_id else "the base",
        path=_path(space, moved, placed, tip, _first_place(space, chunk) if posed else None),
        lengths_s=chunk.lengths_s,
        linear=slots[:, :3],
        angular=slots[:, 3:],
        joints=joints_of(space),
        joint_positions=chunk.values[:, at],
        joint_speeds=rates[:, at],
        joint_start=chunk.values[0, at] - joints,
        start=first if posed and tip is not None else np.zeros(0),
    )


def asked_of_moves(moves: Sequence[Displacement], frame_id: str, placed: Pose3D) -> AskedMotion:
    """What discrete moves of a base ask for; their speeds are ours."""
    return AskedMotion(frame_id, "the base", _driven(np.array(moves), placed))


def asked_of_poses(steps: Sequence[Sequence[PoseCommand]], frame_id: str) -> AskedMotion:
    """What poses ask for that somebody else plans the motion between."""
    points = [command.pose.position for step in steps for command in step]
    return AskedMotion(frame_id, "the tip", np.array(points))


def _present(space: ActionSpace, joints: Array, tip: Vector3 | None) -> Array:
    """(D,) where each dimension is; NaN where nobody knows."""
    present = np.full(len(space.dimensions), np.nan)
    present[indices_of(space, Drive.JOINT)] = joints
    for index in indices_of(space, Drive.POSE):
        slot = slot_of(space.dimensions[index])
        if tip is not None and slot < 3:
            present[index] = tip[slot]
    return present


def _ways(chunk: Chunk, axes: Axes, present: Array) -> Array:
    """(N, D) how far each step moves each dimension; nothing where the beginning is not known."""
    before = np.vstack((present, chunk.values[:-1]))
    ways = np.nan_to_num(axes.way(before, chunk.values))
    driven = np.where(axes.is_relative, chunk.values, chunk.values * chunk.lengths_s[:, np.newaxis])
    return np.where(axes.is_velocity, driven, ways)


def _in_slots(space: ActionSpace, values: Array) -> Array:
    """(N, 6) along and about x, y, z of the space's frame."""
    slots = np.zeros((len(values), SLOTS))
    for index in indices_of(space, Drive.TWIST, Drive.POSE):
        slots[:, slot_of(space.dimensions[index])] = values[:, index]
    return slots


def _first_place(space: ActionSpace, chunk: Chunk) -> Array:
    """(3,) the position of the first step."""
    return _in_slots(space, chunk.values[:1])[0, :3]


def _path(
    space: ActionSpace, moved: Array, placed: Pose3D, tip: Vector3 | None, first: Array | None
) -> Array:
    """(P, 3) in the frame of the commands: from where the robot is, or the first position."""
    if not moved.any() and first is None:
        return _none()
    if first is not None:
        begin = first - moved[0, :3]
        return _turned(placed, np.vstack((begin, begin + np.cumsum(moved[:, :3], axis=0))))
    if not space.tip_frame_id:
        return _driven(moved, placed)
    if tip is None:
        return _none()
    turn = placed.matrix[:3, :3]
    return np.vstack((tip, np.array(tip) + np.cumsum(moved[:, :3] @ turn.T, axis=0)))


def _driven(moves: Array, placed: Pose3D) -> Array:
    """(P, 3) where a base gets by (N, 6) motions in its own frame, each with its turn, in arcs."""
    pieces = np.repeat(moves / ARC_STEPS, ARC_STEPS, axis=0)
    ends = np.cumsum(pieces[:, 5])
    yaw = ends - pieces[:, 5] / 2
    x = pieces[:, 0] * np.cos(yaw) - pieces[:, 1] * np.sin(yaw)
    y = pieces[:, 0] * np.sin(yaw) + pieces[:, 1] * np.cos(yaw)
    points = np.cumsum(np.column_stack((x, y, pieces[:, 2])), axis=0)
    way: Array = np.vstack((np.zeros(3), points)) @ placed.matrix[:3, :3].T
    return way


def _turned(placed: Pose3D, points: Array) -> Array:
    matrix = placed.matrix
    moved: Array = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _within(placed: Pose3D, point: Vector3) -> Vector3:
    """A point of the commands' frame in the space's."""
    return placed.inverse().then(Pose3D(point)).position
