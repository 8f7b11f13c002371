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
from dataclasses import replace

from transforms3d.quaternions import qinverse, qmult, qpow

from uio2_ros.robot.frames import Link, Way, no_way, way_between
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
        self._moving: dict[str, list[Link]] = {}
        """By child, the oldest first."""

    def hear(self, link: Link) -> None:
        """One without a stamp holds for ever."""
        with self._changed:
            if link.stamp_ns is None:
                self._static[link.child] = link
            else:
                self._insert(self._moving.setdefault(link.child, []), link)
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
                try:
                    return self._pose_of(source, target, stamp_ns)
                except TransformError:
                    left_s = end_s - time.monotonic()
                    if left_s <= 0:
                        raise
                self._changed.wait(min(left_s, WAIT_STEP_S))

    def _insert(self, known: list[Link], link: Link) -> None:
        stamp_ns = _stamp(link)
        if known and stamp_ns < _stamp(known[-1]) - to_ns(JUMP_S):
            known.clear()
        place = bisect.bisect_right(known, stamp_ns, key=_stamp)
        if place and _stamp(known[place - 1]) == stamp_ns:
            known[place - 1] = link
            return
        known.insert(place, link)
        oldest_ns = _stamp(known[-1]) - self._kept_ns
        while _stamp(known[0]) < oldest_ns or len(known) > MOST_KEPT:
            del known[0]

    def _pose_of(self, source: str, target: str, stamp_ns: int | None) -> Pose3D:
        way = way_between(source, target, self._newest)
        if way is None:
            raise TransformError(no_way(source, target, {*self._static, *self._moving}))
        if stamp_ns is None:
            return way.pose
        return Way(
            tuple(self._at(link, stamp_ns) for link in way.from_source),
            tuple(self._at(link, stamp_ns) for link in way.from_target),
        ).pose

    def _newest(self, frame: str) -> Link | None:
        moving = self._moving.get(frame)
        return moving[-1] if moving else self._static.get(frame)

    def _at(self, newest: Link, stamp_ns: int) -> Link:
        """A frame's link at a moment."""
        if newest.stamp_ns is None:
            return newest
        known = self._moving[newest.child]
        place = bisect.bisect_left(known, stamp_ns, key=_stamp)
        if place < len(known) and _stamp(known[place]) == stamp_ns:
            return known[place]
        if place in (0, len(known)):
            away_ns = stamp_ns - newest.stamp_ns if place else _stamp(known[0]) - stamp_ns
            side = "after the newest" if place else "before the oldest"
            raise TransformError(
                f"the transform of {newest.child!r} is not known {to_s(away_ns):.3f} s {side} that "
                "came; does its publisher run, with the clock of the camera?"
            )
        before, after = known[place - 1], known[place]
        share = (stamp_ns - _stamp(before)) / (_stamp(after) - _stamp(before))
        return replace(newest, pose=_between(before.pose, after.pose, share))


def _stamp(link: Link) -> int:
    """Of one that moves."""
    assert link.stamp_ns is not None
    return link.stamp_ns


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
