"""Where frames were at a moment, as /tf and /tf_static told it: what tf2's buffer does.

tf2_ros is not used for the reasons in `robot/frames.py`; rules are tf2's: between two transforms of
a frame its pose is interpolated, beyond the last it is unknown, and static ones count always. One
difference: a frame whose stamps jump back begins anew, instead of being deaf until time has caught
up.
"""

from __future__ import annotations

import bisect
import threading
import time

from transforms3d.quaternions import qinverse, qmult, qpow

from uio2_ros.robot.frames import LONGEST_CHAIN, Link, bare
from uio2_ros.robot.poses import Pose3D, unit_quaternion
from uio2_ros.robot.time import to_ns, to_s

KEPT_S = 10.0
"""Seconds of transforms kept, as by tf2."""
MOST_KEPT = 5000
"""Of one frame."""
JUMP_S = 1.0
"""A stamp that is older than the newest by more is of a clock that began anew."""
WAIT_STEP_S = 0.05


class TransformError(ValueError):
    """A frame that is not connected with another, or was not at that moment."""


class TransformHistory:
    """Any thread."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self._kept_ns = to_ns(kept_s)
        self._changed = threading.Condition()  # guards the two below
        self._static: dict[str, Link] = {}
        self._moving: dict[str, list[tuple[int, str, Pose3D]]] = {}
        """By child: (stamp, parent, pose), the oldest first."""

    def hear(self, parent: str, child: str, pose: Pose3D, stamp_ns: int | None = None) -> None:
        """The child's pose in its parent; without a stamp for ever."""
        name = bare(child)
        with self._changed:
            if stamp_ns is None:
                self._static[name] = Link(name, bare(parent), pose)
            else:
                self._insert(self._moving.setdefault(name, []), stamp_ns, bare(parent), pose)
            self._changed.notify_all()

    def pose_of(
        self, source: str, target: str, stamp_ns: int | None, wait_s: float = 0.0
    ) -> Pose3D:
        """The pose of the frame `source` in `target` at a moment; TransformError if unknown.

        None: by the newest transform of each frame. One that has not come yet is waited for as
        long as `wait_s`.
        """
        end_s = time.monotonic() + wait_s
        with self._changed:
            while True:
                found = self._pose_of(bare(source), bare(target), stamp_ns)
                if isinstance(found, Pose3D):
                    return found
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    raise found
                self._changed.wait(min(left_s, WAIT_STEP_S))

    def _insert(
        self, known: list[tuple[int, str, Pose3D]], stamp_ns: int, parent: str, pose: Pose3D
    ) -> None:
        if known and stamp_ns < known[-1][0] - to_ns(JUMP_S):
            known.clear()
        place = bisect.bisect_right(known, stamp_ns, key=_stamp)
        if place and known[place - 1][0] == stamp_ns:
            known[place - 1] = (stamp_ns, parent, pose)
            return
        known.insert(place, (stamp_ns, parent, pose))
        oldest_ns = known[-1][0] - self._kept_ns
        while known[0][0] < oldest_ns or len(known) > MOST_KEPT:
            del known[0]

    def _pose_of(self, source: str, target: str, stamp_ns: int | None) -> Pose3D | TransformError:
        up, down = self._lineage(source), self._lineage(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            known = ", ".join(sorted({*self._static, *self._moving})) or "none"
            return TransformError(
                f"no transform from {source!r} to {target!r} on /tf or /tf_static; known are "
                f"{known}"
            )
        try:
            from_source = self._climbed(up[: up.index(common)], stamp_ns)
            from_target = self._climbed(down[: down.index(common)], stamp_ns)
        except TransformError as error:
            return error
        return from_target.inverse().then(from_source)

    def _lineage(self, frame: str) -> list[str]:
        """The frame, and all above it."""
        lineage = [frame]
        while len(lineage) < LONGEST_CHAIN and (parent := self._parent(lineage[-1])) is not None:
            lineage.append(parent)
        return lineage

    def _parent(self, frame: str) -> str | None:
        moving = self._moving.get(frame)
        if moving:
            return moving[-1][1]
        static = self._static.get(frame)
        return None if static is None else static.parent

    def _climbed(self, frames: list[str], stamp_ns: int | None) -> Pose3D:
        """The pose of the first of a chain of frames in the parent of the last."""
        pose = Pose3D()
        for frame in frames:
            pose = self._at(frame, stamp_ns).then(pose)
        return pose

    def _at(self, frame: str, stamp_ns: int | None) -> Pose3D:
        known = self._moving.get(frame)
        if not known:
            return self._static[frame].pose
        if stamp_ns is None:
            return known[-1][2]
        place = bisect.bisect_left(known, stamp_ns, key=_stamp)
        if place < len(known) and known[place][0] == stamp_ns:
            return known[place][2]
        if place in (0, len(known)):
            away_s = to_s(stamp_ns - known[-1][0] if place else known[0][0] - stamp_ns)
            side = "after the newest" if place else "before the oldest"
            raise TransformError(
                f"the transform of {frame!r} is not known {away_s:.3f} s {side} that came; does "
                "its publisher run, with the clock of the camera?"
            )
        (before_ns, _, before), (after_ns, _, after) = known[place - 1], known[place]
        return _between(before, after, (stamp_ns - before_ns) / (after_ns - before_ns))


def _stamp(entry: tuple[int, str, Pose3D]) -> int:
    return entry[0]


def _between(before: Pose3D, after: Pose3D, share: float) -> Pose3D:
    """Straight in position, and turned about one axis (slerp)."""
    x, y, z = (
        low + (high - low) * share
        for low, high in zip(before.position, after.position, strict=True)
    )
    turn = qmult(qinverse(before.quaternion_wxyz), after.quaternion_wxyz)
    turn = -turn if turn[0] < 0 else turn
    turned = qmult(before.quaternion_wxyz, qpow(turn, share))
    return Pose3D((x, y, z), unit_quaternion(turned))
