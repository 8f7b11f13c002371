"""What a URDF says of joints: how far and how fast they may go, and where the links are then.

Read with the standard library: limits and the chain are all that is needed, and the parsers of
URDF bring meshes and viewers.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transforms3d.affines import compose
from transforms3d.euler import euler2mat

from uio2_ros.robot.plan_errors import Cause, PlanError

Array = npt.NDArray[np.float64]

SLACK = 1e-6
"""Rad or m that a position may be beyond a limit from rounding."""
_MOVING = ("revolute", "continuous", "prismatic")
_MOST_BYTES = 2**24


class RobotDescriptionError(ValueError):
    """A text that is no usable URDF."""


@dataclass(frozen=True, eq=False)
class UrdfJoint:
    """A joint: where its child link is in its parent at 0, and what it may do. m, rad."""

    name: str
    kind: str
    parent: str
    child: str
    origin: Array  # (4, 4)
    axis: Array  # (3,) of length 1
    low: float
    high: float
    speed: float

    def moved(self, positions: Array) -> Array:
        """(N, 4, 4) the child's pose in the parent at (N,) positions."""
        steps = np.tile(np.eye(4), (len(positions), 1, 1))
        if self.kind == "prismatic":
            steps[:, :3, 3] = positions[:, np.newaxis] * self.axis
        elif self.kind in _MOVING:
            x, y, z = self.axis
            cross = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))  # Rodrigues' formula
            sine, cosine = np.sin(positions), np.cos(positions)
            steps[:, :3, :3] += sine[:, None, None] * cross
            steps[:, :3, :3] += (1 - cosine)[:, None, None] * (cross @ cross)
        return np.asarray(self.origin @ steps)


class RobotDescription:
    """The joints of a URDF, the root's first."""

    def __init__(self, joints: Sequence[UrdfJoint] = ()) -> None:
        """RobotDescriptionError if they are no tree."""
        self._joints = {joint.name: joint for joint in joints}
        self._ordered = tuple(_from_root(joints))

    @property
    def root(self) -> str:
        """The link that no joint moves; "" of an empty description."""
        return self._ordered[0].parent if self._ordered else ""

    def expect_within(self, names: Sequence[str], positions: Array) -> None:
        """PlanError JOINT_LIMIT unless all of (N, J) positions are; joints it lacks have none."""
        for name, column in zip(names, positions.T, strict=True):
            joint = self._joints.get(name)
            if joint is None:
                continue
            beyond = (column < joint.low - SLACK) | (column > joint.high + SLACK)
            if beyond.any():
                raise PlanError(
                    Cause.JOINT_LIMIT,
                    f"{name} would be at {column[beyond][0]:.3f}; the robot's description allows "
                    f"{joint.low:.3f} to {joint.high:.3f} {joint_unit(joint)}",
                )

    def expect_speeds(self, names: Sequence[str], speeds: Array) -> None:
        """The same for (N, J) speeds without sign."""
        for name, column in zip(names, speeds.T, strict=True):
            joint = self._joints.get(name)
            if joint is not None and len(column) and column.max() > joint.speed + SLACK:
                raise PlanError(
                    Cause.JOINT_LIMIT,
                    f"{name} would move at {column.max():.2f} {joint_unit(joint)}/s; the robot's "
                    f"description allows {joint.speed:.2f}",
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Of the joints that can move."""
        return tuple(name for name, joint in self._joints.items() if joint.kind != "fixed")

    def places(self, positions: Mapping[str, Array], moved: Sequence[str]) -> Array:
        """(L, N, 3) where the links are in the root's frame that some of the joints move.

        positions: (N,) of each joint, 0 where there is none. moved: the joints that count.
        """
        count = max(map(len, positions.values()), default=1)
        poses = {self.root: np.tile(np.eye(4), (count, 1, 1))}
        reached: set[str] = set()
        places = []
        for joint in self._ordered:
            steps = joint.moved(positions.get(joint.name, np.zeros(count)))
            poses[joint.child] = poses[joint.parent] @ steps
            if joint.name in moved or joint.parent in reached:
                reached.add(joint.child)
                places.append(poses[joint.child][:, :3, 3])
        return np.array(places).reshape(-1, count, 3)


def read_urdf(text: str) -> RobotDescription:
    """The description in a URDF; RobotDescriptionError says what is wrong with it."""
    if len(text) > _MOST_BYTES or "<!ENTITY" in text:
        raise RobotDescriptionError("the URDF is too long, or declares entities")
    try:
        robot = ElementTree.fromstring(text)
        return RobotDescription([_joint(joint) for joint in robot.findall("joint")])
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise RobotDescriptionError(f"the robot's description is no usable URDF: {error}") from None


def description_in(path: str) -> RobotDescription:
    """That of a file; an empty one without a path. RobotDescriptionError."""
    if not path:
        return RobotDescription()
    try:
        return read_urdf(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RobotDescriptionError(f"gate.robot_description: {path}: {error}") from error


def joint_unit(joint: UrdfJoint) -> str:
    """That of its positions."""
    return "m" if joint.kind == "prismatic" else "rad"


def _joint(element: ElementTree.Element) -> UrdfJoint:
    kind, limit = element.attrib["type"], element.find("limit")
    told = limit.attrib if limit is not None else {}
    bounded = kind in ("revolute", "prismatic")
    origin = element.find("origin")
    place = origin.attrib if origin is not None else {}
    turn = euler2mat(*_numbers(place.get("rpy", "0 0 0")), "sxyz")
    axis = element.find("axis")
    direction = np.array(_numbers("1 0 0" if axis is None else axis.attrib["xyz"]))
    return UrdfJoint(
        name=element.attrib["name"],
        kind=kind,
        parent=_link(element, "parent"),
        child=_link(element, "child"),
        origin=np.asarray(compose(_numbers(place.get("xyz", "0 0 0")), turn, np.ones(3))),
        axis=direction / (np.linalg.norm(direction) or 1.0),
        low=_number(told.get("lower", "0")) if bounded else -math.inf,
        high=_number(told.get("upper", "0")) if bounded else math.inf,
        speed=_number(told["velocity"]) if "velocity" in told else math.inf,
    )


def _link(element: ElementTree.Element, role: str) -> str:
    link = element.find(role)
    if link is None:
        raise ValueError(f"joint {element.attrib['name']!r} has no {role}")
    return link.attrib["link"]


def _numbers(text: str) -> list[float]:
    numbers = [_number(word) for word in text.split()]
    if len(numbers) != 3:
        raise ValueError(f"{text!r} are not three numbers")
    return numbers


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is no number")
    return number


def _from_root(joints: Sequence[UrdfJoint]) -> Iterator[UrdfJoint]:
    """Parents before children; RobotDescriptionError unless there is one root and no loop."""
    children = {joint.child for joint in joints}
    roots = {joint.parent for joint in joints} - children
    if joints and (len(roots) != 1 or len(children) != len(joints)):
        raise RobotDescriptionError(f"its links are no tree: the roots are {sorted(roots)}")
    known, left = set(roots), list(joints)
    while left:
        ready = [joint for joint in left if joint.parent in known]
        if not ready:
            raise RobotDescriptionError(f"joint {left[0].name!r} is in a loop")
        yield from ready
        known |= {joint.child for joint in ready}
        left = [joint for joint in left if joint not in ready]
