"""Which frame lies where, as /tf and /tf_static tell it: the newest transform of each frame.

tf2_ros is not used, not even where it is installed: what is asked for here is the newest transform
alone, and its buffer refuses transforms that are older by more than it keeps, as all are after a
clock that jumped back; its Python class means to clear it then, and its callback for that
(geometry2, tf2_ros_py/buffer.py, time_jump_callback) lacks its first parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from uio2_ros.robot.poses import Pose3D

LONGEST_CHAIN = 100
"""Links from a leaf to its root; more are a loop."""


@dataclass(frozen=True)
class Link:
    """The pose of a frame in its parent; stamp None where it never changes.

    Names become those of tf2: a leading slash of older days is dropped.
    """

    parent: str
    child: str
    pose: Pose3D
    stamp_ns: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parent", bare(self.parent))
        object.__setattr__(self, "child", bare(self.child))


@dataclass(frozen=True)
class Way:
    """The links from two frames up to the one where they meet."""

    from_source: tuple[Link, ...]
    from_target: tuple[Link, ...]

    @property
    def links(self) -> tuple[Link, ...]:
        """All that it takes."""
        return (*self.from_source, *self.from_target)

    @property
    def pose(self) -> Pose3D:
        """Of the source in the target."""
        return _climbed(self.from_target).inverse().then(_climbed(self.from_source))


def way_between(source: str, target: str, link_of: Callable[[str], Link | None]) -> Way | None:
    """The way from `source` to `target`; None if they are not connected.

    link_of: what places a frame in its parent; None for one without.
    """
    source, target = bare(source), bare(target)
    from_source, from_target = _upwards(source, link_of), _upwards(target, link_of)
    up = [source, *(link.parent for link in from_source)]
    down = [target, *(link.parent for link in from_target)]
    common = next((frame for frame in up if frame in down), None)
    if common is None:
        return None
    return Way(tuple(from_source[: up.index(common)]), tuple(from_target[: down.index(common)]))


def no_way(source: str, target: str, known: Iterable[str]) -> str:
    """What to say where there is none. known: the frames that have a parent."""
    return (
        f"no transform from {bare(source)!r} to {bare(target)!r} on /tf or /tf_static; known are "
        f"{', '.join(sorted(known)) or 'none'}"
    )


class FrameTree:
    """The link of each frame that came last. One thread."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def hear(self, link: Link) -> None:
        """From now on it is this one that places its child."""
        self._links[link.child] = link

    @property
    def children(self) -> list[str]:
        """The frames that have a parent, by name."""
        return sorted(self._links)

    def way(self, source: str, target: str) -> Way | None:
        """From the frame `source` to the frame `target`; None if they are not connected."""
        return way_between(source, target, self._links.get)

    def poses_in(self, frame: str) -> dict[str, Pose3D]:
        """Every frame connected with `frame`, itself too, and its pose there."""
        names = {bare(frame), *self._links, *(link.parent for link in self._links.values())}
        ways = {name: self.way(name, frame) for name in sorted(names)}
        return {name: way.pose for name, way in ways.items() if way is not None}


def bare(frame: str) -> str:
    """A name as tf2 has it."""
    return frame.removeprefix("/")


def _upwards(frame: str, link_of: Callable[[str], Link | None]) -> list[Link]:
    """The links from a frame to its root."""
    links: list[Link] = []
    while (link := link_of(frame)) and len(links) < LONGEST_CHAIN:
        links.append(link)
        frame = link.parent
    return links


def _climbed(links: Sequence[Link]) -> Pose3D:
    """The pose of the first of a chain of frames in the parent of the last."""
    pose = Pose3D()
    for link in links:
        pose = link.pose.then(pose)
    return pose
