"""Poses of frames for commands: known, and not older than a robot may be moved by."""

from __future__ import annotations

from uio2_ros.robot.frames import FrameTree, Link, no_way
from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.time import is_fresh, to_s


class FreshFrames(FrameTree):
    """A tree whose moving transforms may be `max_age_s` old."""

    def __init__(self, max_age_s: float) -> None:
        super().__init__()
        self._max_age_s = max_age_s

    def pose_of(self, source: str, target: str, now_s: float) -> Pose3D:
        """The pose of the frame `source` in `target`; PlanError TF_ERROR if unknown or stale."""
        way = self.way(source, target)
        if way is None:
            raise PlanError(
                Cause.TF_ERROR,
                f"{no_way(source, target, self.children)}; publish it, or set the bridge's "
                "parameter frame",
            )
        for link in way.links:
            self._expect_fresh(link, now_s)
        return way.pose

    def _expect_fresh(self, link: Link, now_s: float) -> None:
        if link.stamp_ns is None or is_fresh(to_s(link.stamp_ns), now_s, self._max_age_s):
            return
        age_s = now_s - to_s(link.stamp_ns)
        fault = (
            f"{age_s:.1f} s old, at most {self._max_age_s:g} s are allowed (tf_max_age); does its "
            "publisher run?"
            if age_s > 0
            else f"of {-age_s:.1f} s from now; did the clock jump back, or do clocks differ?"
        )
        raise PlanError(
            Cause.TF_ERROR, f"the transform from {link.child!r} to {link.parent!r} is {fault}"
        )
