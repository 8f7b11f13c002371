"""Which frame lies where, as /tf and /tf_static tell it: the newest transform of each frame.

tf2_ros is not used, not even where it is installed: what is asked for here is the newest transform
alone, and its buffer refuses transforms that are older by more than it keeps, as all are after a
clock that jumped back; its Python class means to clear it then, and its callback for that
(geometry2, tf2_ros_py/buffer.py, time_jump_callback) lacks its first parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uio2_ros.robot.poses import Pose3D

LONGEST_CHAIN = 100
"""Frames from a leaf to its root; more are a loop."""


@dataclass(frozen=True)
class Link:
    """The pose of a frame in its parent; stamp None where it never changes."""

    child: str
    parent: str
    pose: Pose3D
    stamp_s: float | None = None


@dataclass(frozen=True)
class Way:
    """The pose of a frame in another, and the links that it was found by."""

    pose: Pose3D
    links: tuple[Link, ...]


class FrameTree:
    """Names are those of tf2: a leading slash of older days is dropped. One thread."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def hear(self, parent: str, child: str, pose: Pose3D, stamp_s: float | None = None) -> None:
        """A transform: the child's pose in its parent."""
        self._links[bare(child)] = Link(bare(child), bare(parent), pose, stamp_s)

    @property
    def children(self) -> list[str]:
        """The frames that have a parent, by name."""
        return sorted(self._links)

    def way(self, source: str, target: str) -> Way | None:
        """The pose of the frame `source` in the frame `target`; None if they are not connected."""
        up, down = self._lineage(bare(source)), self._lineage(bare(target))
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            return None
        from_source = [self._links[frame] for frame in up[: up.index(common)]]
        from_target = [self._links[frame] for frame in down[: down.index(common)]]
        pose = _climbed(from_target).inverse().then(_climbed(from_source))
        return Way(pose, (*from_source, *from_target))

    def poses_in(self, frame: str) -> dict[str, Pose3D]:
        """Every frame connected with `frame`, itself too, and its pose there."""
        names = {bare(frame), *self._links, *(link.parent for link in self._links.values())}
        ways = {name: self.way(name, frame) for name in sorted(names)}
        return {name: way.pose for name, way in ways.items() if way is not None}

    def _lineage(self, frame: str) -> list[str]:
        """The frame, and all above it."""
        lineage = [frame]
        while (link := self._links.get(lineage[-1])) and len(lineage) < LONGEST_CHAIN:
            lineage.append(link.parent)
        return lineage


def bare(frame: str) -> str:
    """A name as tf2 has it."""
    return frame.removeprefix("/")


def _climbed(links: Sequence[Link]) -> Pose3D:
    """The pose of the first of a chain of frames in the parent of the last."""
    pose = Pose3D()
    for link in links:
        pose = link.pose.then(pose)
    return pose
