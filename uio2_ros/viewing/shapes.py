"""What a scene in 3D is made of: lines, faces, dots and labels, and things made of these.

Metres; colours are red, green, blue, opacity in [0, 1]. numpy only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.camera_model import CameraModel

Points = npt.NDArray[np.float64]
Pose = npt.NDArray[np.float64]  # (4, 4): from the thing's own coordinates to those of its frame
Rgba = tuple[float, float, float, float]
Moved = TypeVar("Moved", bound="_Placed")

RED, GREEN, BLUE = (0.90, 0.22, 0.21, 1.0), (0.30, 0.75, 0.31, 1.0), (0.25, 0.50, 0.95, 1.0)
"""Of the axes x, y, z, as in RViz."""
FRUSTUM_COLOR: Rgba = (0.95, 0.80, 0.30, 0.9)
GRID_COLOR: Rgba = (0.62, 0.64, 0.68, 0.45)
HEAD_SIDES = 12
"""Faces of an arrow's head."""


@dataclass(frozen=True)
class _Placed:
    """Something at (..., 3) points."""

    points: Points

    def moved(self: Moved, pose: Pose) -> Moved:
        """The same elsewhere."""
        return replace(self, points=transformed(self.points, pose))


@dataclass(frozen=True)
class Line(_Placed):
    """A line through (N, 3) points; `width` in metres."""

    color: Rgba
    width: float = 0.005


@dataclass(frozen=True)
class Faces(_Placed):
    """(N, K, 3) points: flat faces of K corners each."""

    color: Rgba


@dataclass(frozen=True)
class Dots(_Placed):
    """Round dots at (N, 3) points, with a colour each; `diameter` in metres."""

    colors: Points  # (N, 4)
    diameter: float


@dataclass(frozen=True)
class Label(_Placed):
    """Text at (1, 3) points that faces the viewer."""

    text: str
    color: Rgba


Shape = Line | Faces | Dots | Label


def transformed(points: Points, pose: Pose) -> Points:
    """(..., 3) points by a (4, 4) transform."""
    return np.asarray(points @ pose[:3, :3].T + pose[:3, 3], np.float64)


def box(pose: Pose, size: Sequence[float], color: Rgba) -> Faces:
    """An oriented box around the pose's origin."""
    signs = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
    quads = np.array(
        [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    )
    return Faces(transformed(signs * np.asarray(size), pose)[quads], color)


def dots(points: Points, color: Rgba, diameter: float) -> Dots:
    """Dots of one colour."""
    return Dots(points, np.tile(np.array(color), (len(points), 1)), diameter)


def arrow(start: Points, end: Points, color: Rgba, shaft: float, head: float) -> list[Shape]:
    """A shaft and a cone; `shaft` and `head` are their diameters, metres."""
    way = end - start
    length = float(np.linalg.norm(way))
    if length == 0:
        return []
    ahead = way / length
    head_length = min(1.5 * head, 0.6 * length)
    neck = end - head_length * ahead
    aside = np.cross(ahead, np.eye(3)[np.abs(ahead).argmin()])
    aside *= head / 2 / np.linalg.norm(aside)
    angles = np.linspace(0, 2 * np.pi, HEAD_SIDES + 1)[:, None]
    rim = neck + np.cos(angles) * aside + np.sin(angles) * np.cross(ahead, aside)
    tip = np.broadcast_to(end, rim[1:].shape)
    cone = np.stack((rim[:-1], rim[1:], tip), axis=1)
    return [Line(np.array((start, neck)), color, shaft), Faces(cone, color)]


def axes(pose: Pose, name: str, length: float) -> list[Shape]:
    """x red, y green, z blue, and the frame's name."""
    origin = pose[:3, 3]
    shapes: list[Shape] = [
        Line(np.array((origin, origin + length * pose[:3, index])), color, length / 12)
        for index, color in enumerate((RED, GREEN, BLUE))
    ]
    return [*shapes, Label(origin[None], name, (0.85, 0.87, 0.90, 1.0))]


def frustum(camera: CameraModel, distance: float) -> list[Shape]:
    """What a camera sees as far as `distance`, in its optical frame; a tick says what is above."""
    pixels = np.array(
        [(0, 0), (camera.width, 0), (camera.width, camera.height), (0, camera.height)]
    )
    aside = camera.rays(pixels) * distance
    corners = np.column_stack((aside, np.full(4, distance)))
    eye = np.zeros(3)
    rays: list[Shape] = [Line(np.array((eye, corner)), FRUSTUM_COLOR, 0.002) for corner in corners]
    middle = (corners[0] + corners[1]) / 2
    above = middle - np.array((0, 0.08 * distance, 0))
    tick = np.array(
        (corners[0] * 0.55 + corners[1] * 0.45, above, corners[0] * 0.45 + corners[1] * 0.55)
    )
    return [
        *rays,
        Line(corners[[0, 1, 2, 3, 0]], FRUSTUM_COLOR, 0.003),
        Line(tick, FRUSTUM_COLOR, 0.003),
    ]


def grid(center: Points, reach: float, step: float) -> list[Shape]:
    """Lines of the plane through `center` that z is normal to, `step` apart."""
    count = max(1, round(reach / step))
    ticks = np.arange(-count, count + 1) * step
    middle = np.round(center[:2] / step) * step
    end = count * step
    lines: list[Shape] = []
    for tick in ticks:
        along_x = [(-end, tick), (end, tick)]
        for pair in (along_x, [(y, x) for x, y in along_x]):
            places = np.column_stack((np.array(pair) + middle, np.full(2, center[2])))
            lines.append(Line(places, GRID_COLOR, 0.001))
    return lines
