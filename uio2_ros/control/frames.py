"""Which frame lies where: the newest transform of each frame to its parent, as tf2 tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uio2_ros.robot.plan_errors import Cause, PlanError
from uio2_ros.robot.poses import Pose3D
from uio2_ros.robot.time import is_fresh

LONGEST_CHAIN = 100
"""Frames from a leaf to its root; more are a loop."""


@dataclass(frozen=True)
class _Link:
    parent: str
    pose: Pose3D  # of the child in the parent
    stamp_s: float | None  # None: static


class FrameTree:
    """The newest transforms. One thread.

    There is no history: a lookup takes what was heard last, and refuses a moving transform that
    is older than `max_age_s`.
    """

    def __init__(self, max_age_s: float) -> None:
        self._max_age_s = max_age_s
        self._links: dict[str, _Link] = {}

    def hear(self, parent: str, child: str, pose: Pose3D, stamp_s: float | None) -> None:
        """A transform: the child's pose in its parent; stamp None where it never changes."""
        self._links[_bare(child)] = _Link(_bare(parent), pose, stamp_s)

    def pose_of(self, source: str, target: str, now_s: float) -> Pose3D:
        """The pose of the frame `source` in the frame `target`; PlanError TF_ERROR if unknown."""
        source, target = _bare(source), _bare(target)
        above_source, above_target = self._lineage(source), self._lineage(target)
        common = next((frame for frame in above_source if frame in above_target), None)
        if common is None:
            raise PlanError(
                Cause.TF_ERROR,
                f"no transform from {source!r} to {target!r} on /tf or /tf_static"
                f" ({self._known()}); publish it, or set the bridge's parameter frame",
            )
        up = self._climb(above_source[: above_source.index(common)], now_s)
        return self._climb(above_target[: above_target.index(common)], now_s).inverse().then(up)

    def _lineage(self, frame: str) -> list[str]:
        """The frame, and all above it."""
        lineage = [frame]
        while (link := self._links.get(lineage[-1])) and len(lineage) < LONGEST_CHAIN:
            lineage.append(link.parent)
        return lineage

    def _climb(self, frames: Sequence[str], now_s: float) -> Pose3D:
        """The pose of the first of a chain of frames in the parent of the last."""
        pose = Pose3D()
        for frame in frames:
            link = self._links[frame]
            self._expect_fresh(frame, link, now_s)
            pose = link.pose.then(pose)
        return pose

    def _expect_fresh(self, frame: str, link: _Link, now_s: float) -> None:
        if link.stamp_s is None or is_fresh(link.stamp_s, now_s, self._max_age_s):
            return
        age_s = now_s - link.stamp_s
        fault = (
            f"{age_s:.1f} s old, at most {self._max_age_s:g} s are allowed (tf_max_age); does its "
            "publisher run?"
            if age_s > 0
            else f"of {-age_s:.1f} s from now; did the clock jump back, or do clocks differ?"
        )
        raise PlanError(
            Cause.TF_ERROR, f"the transform from {frame!r} to {link.parent!r} is {fault}"
        )

    def _known(self) -> str:
        return f"known: {', '.join(sorted(self._links))}" if self._links else "none is known"


def _bare(frame: str) -> str:
    return frame.removeprefix("/")
