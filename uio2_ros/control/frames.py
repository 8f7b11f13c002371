"""Which frame lies where: the newest transform of each frame to its parent, as tf2 tells them."""

from __future__ import annotations

from dataclasses import dataclass

from uio2_ros.control.causes import Cause, PlanError
from uio2_ros.control.poses import Pose3D

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
        if source == target:
            return Pose3D()
        up_from_source = self._to_root(source, now_s)
        up_from_target = self._to_root(target, now_s)
        common = next((frame for frame in up_from_source if frame in up_from_target), None)
        if common is None:
            raise PlanError(
                Cause.TF_ERROR,
                f"no transform from {source!r} to {target!r} on /tf or /tf_static"
                f" ({self._known()}); publish it, or set the bridge's parameter frame",
            )
        return up_from_target[common].inverse().then(up_from_source[common])

    def _to_root(self, frame: str, now_s: float) -> dict[str, Pose3D]:
        """The pose of `frame` in itself and in each frame above it, nearest first."""
        poses = {frame: Pose3D()}
        pose = Pose3D()
        while (link := self._links.get(frame)) is not None and len(poses) < LONGEST_CHAIN:
            self._expect_fresh(frame, link, now_s)
            pose = link.pose.then(pose)
            frame = link.parent
            poses[frame] = pose
        return poses

    def _expect_fresh(self, frame: str, link: _Link, now_s: float) -> None:
        if link.stamp_s is None or now_s - link.stamp_s <= self._max_age_s:
            return
        raise PlanError(
            Cause.TF_ERROR,
            f"the transform from {frame!r} to {link.parent!r} is {now_s - link.stamp_s:.1f} s old, "
            f"at most {self._max_age_s:g} s are allowed (tf_max_age); does its publisher run?",
        )

    def _known(self) -> str:
        return f"known: {', '.join(sorted(self._links))}" if self._links else "none is known"


def _bare(frame: str) -> str:
    return frame.removeprefix("/")
