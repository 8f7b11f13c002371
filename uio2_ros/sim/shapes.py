"""The shapes of objects: what is seen, what collides, and the points that have names. numpy only.

Dimensions are metres in the frame of the object: origin at the centre of its underside, z up. A
`Form` is made for one size; visible parts are smooth meshes or primitives, parts that collide are
primitives only, so that contacts are exact and cheap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from uio2_ros.sim.spec import Shape, Size

Xyz = tuple[float, float, float]

SCALES: Mapping[Size, float] = MappingProxyType({Size.SMALL: 0.9, Size.LARGE: 1.25})
WALL_SEGMENTS = 16
LATHE_SEGMENTS = 40


class Solid(Enum):
    """Primitive solids. `size` of a part: half lengths; radius, half height; radius."""

    BOX = "box"
    CYLINDER = "cylinder"
    CAPSULE = "capsule"
    SPHERE = "sphere"


@dataclass(frozen=True)
class Part:
    """One primitive of an object. quaternion_wxyz turns it in the frame of the object."""

    solid: Solid
    size: tuple[float, ...]
    position: Xyz
    quaternion_wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Profile:
    """A surface of revolution about z: (radius, height) pairs, from the inside outwards."""

    points: tuple[tuple[float, float], ...]
    closed: bool = False  # the last point joins the first (a ring), instead of both on the axis


@dataclass(frozen=True)
class Form:
    """A shape at one size.

    lower and upper bound what is visible. `grasp` is where suction holds, `rest_height` is how
    high above the origin something put on or in the object comes to rest, `inner_radius` is how
    far from the axis it may reach.
    """

    seen: tuple[Part, ...]
    lathe: Profile | None
    solid: tuple[Part, ...]
    lower: Xyz
    upper: Xyz
    grasp: Xyz
    keypoints: tuple[tuple[str, Xyz], ...]
    mass_kg: float
    rest_height: float = 0.0
    inner_radius: float = 0.0

    @property
    def size(self) -> Xyz:
        """Lengths of the box around it."""
        return tuple(high - low for low, high in zip(self.lower, self.upper, strict=True))  # type: ignore[return-value]

    @property
    def centre(self) -> Xyz:
        """Centre of the box around it."""
        return tuple((high + low) / 2 for low, high in zip(self.lower, self.upper, strict=True))  # type: ignore[return-value]

    @property
    def radius(self) -> float:
        """Distance from the axis to the farthest corner seen from above."""
        return max(
            math.hypot(x, y)
            for x in (self.lower[0], self.upper[0])
            for y in (self.lower[1], self.upper[1])
        )


@cache
def form(shape: Shape, size: Size, magnification: float = 1.0) -> Form:
    """The shape at a size; magnified where it is furniture instead of something to pick up."""
    return _FORMS[shape](SCALES[size] * magnification)


@cache
def lathe_mesh(
    profile: Profile, segments: int = LATHE_SEGMENTS
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Vertices (N, 3) and triangles (M, 3), counter-clockwise seen from outside; shared."""
    radii, heights = np.asarray(profile.points).T
    angles = np.arange(segments) * 2 * math.pi / segments
    rings = np.stack(
        [
            np.outer(np.cos(angles), radii),
            np.outer(np.sin(angles), radii),
            np.outer(np.ones(segments), heights),
        ],
        axis=-1,
    )  # (segments, points, 3)
    count = len(radii)
    bands = count if profile.closed else count - 1
    triangles = []
    for turn in range(segments):
        following = (turn + 1) % segments
        for band in range(bands):
            low, high = band, (band + 1) % count
            corners = [turn * count + low, following * count + low]
            corners += [following * count + high, turn * count + high]
            if radii[low] > 0:
                triangles.append((corners[0], corners[2], corners[1]))
            if radii[high] > 0:
                triangles.append((corners[0], corners[3], corners[2]))
    return rings.reshape(-1, 3), np.asarray(triangles, dtype=np.int32)


def _cube(scale: float) -> Form:
    half = 0.024 * scale
    block = Part(Solid.BOX, (half, half, half), (0, 0, half))
    top = 2 * half
    corners = tuple(
        (f"{depth} {side} corner", (x * half, y * half, top))
        for depth, x in (("far", 1), ("near", -1))
        for side, y in (("left", 1), ("right", -1))
    )
    return Form(
        seen=(block,),
        lathe=None,
        solid=(block,),
        lower=(-half, -half, 0),
        upper=(half, half, top),
        grasp=(0, 0, top),
        keypoints=(("centre", (0, 0, half)), ("top", (0, 0, top)), *corners),
        mass_kg=0.06,
        rest_height=top,
        inner_radius=half,
    )


def _cylinder(scale: float) -> Form:
    radius, half = 0.025 * scale, 0.025 * scale
    drum = Part(Solid.CYLINDER, (radius, half), (0, 0, half))
    return Form(
        seen=(drum,),
        lathe=None,
        solid=(drum,),
        lower=(-radius, -radius, 0),
        upper=(radius, radius, 2 * half),
        grasp=(0, 0, 2 * half),
        keypoints=(("centre", (0, 0, half)), ("top", (0, 0, 2 * half)), ("base", (0, 0, 0))),
        mass_kg=0.06,
        rest_height=2 * half,
        inner_radius=radius,
    )


def _ball(scale: float) -> Form:
    radius = 0.024 * scale
    sphere = Part(Solid.SPHERE, (radius,), (0, 0, radius))
    return Form(
        seen=(sphere,),
        lathe=None,
        solid=(sphere,),
        lower=(-radius, -radius, 0),
        upper=(radius, radius, 2 * radius),
        grasp=(0, 0, 2 * radius),
        keypoints=(("centre", (0, 0, radius)), ("top", (0, 0, 2 * radius))),
        mass_kg=0.05,
    )


def _mug(scale: float) -> Form:
    radius, height, wall = 0.032 * scale, 0.066 * scale, 0.004 * scale
    inner = radius - wall
    handle = _arc_handle(radius, height, thickness=0.0042 * scale)
    reach = max(part.position[0] for part in handle) + 0.009 * scale
    cup = Profile(
        (
            (0, wall),
            (inner - 0.002, wall),
            (inner, wall + 0.002),
            (inner, height),
            (radius, height),
            (radius, 0.003),
            (radius - 0.003, 0),
            (0, 0),
        )
    )
    floor = Part(Solid.CYLINDER, (radius, wall / 2), (0, 0, wall / 2))
    walls = _ring_of_boxes((inner + radius) / 2, wall / 2, height, wall)
    return Form(
        seen=handle,
        lathe=cup,
        solid=(floor, *walls, *handle),
        lower=(-radius, -radius, 0),
        upper=(reach, radius, height),
        grasp=(0, 0, wall),
        keypoints=(
            ("centre", (0, 0, height / 2)),
            ("rim", (0, 0, height)),
            ("base", (0, 0, 0)),
            ("handle", (reach - 0.009 * scale, 0, height / 2)),
        ),
        mass_kg=0.1,
        rest_height=wall,
        inner_radius=inner,
    )


def _arc_handle(radius: float, height: float, thickness: float) -> tuple[Part, ...]:
    """A half ring of capsules at the +x side."""
    arc, segments = 0.36 * height, 8
    angles = np.linspace(-math.pi / 2, math.pi / 2, segments + 1)
    along_x, along_z = radius + 0.9 * arc * np.cos(angles), height / 2 + arc * np.sin(angles)
    points = list(zip(along_x.tolist(), [0.0] * len(angles), along_z.tolist(), strict=True))
    return tuple(_rod(start, end, thickness) for start, end in pairwise(points))


def _rod(start: Xyz, end: Xyz, thickness: float) -> Part:
    """A capsule between two points of the plane y = const."""
    (x1, y1, z1), (x2, _, z2) = start, end
    half_length = math.hypot(x2 - x1, z2 - z1) / 2
    tilt = math.atan2(x2 - x1, z2 - z1)  # about +y, from z towards x
    return Part(
        Solid.CAPSULE,
        (thickness, half_length),
        ((x1 + x2) / 2, y1, (z1 + z2) / 2),
        (math.cos(tilt / 2), 0.0, math.sin(tilt / 2), 0.0),
    )


def _ring_of_boxes(
    radius: float, bottom: float, top: float, thickness: float, lean: float = 0.0
) -> tuple[Part, ...]:
    """An upright wall about the axis; lean opens it outwards at the top, radians."""
    half_height = (top - bottom) / 2 / math.cos(lean)
    half_width = radius * math.tan(math.pi / WALL_SEGMENTS) + thickness / 2
    walls = []
    for turn in np.arange(WALL_SEGMENTS) * 2 * math.pi / WALL_SEGMENTS:
        about_z = (math.cos(turn / 2), math.sin(turn / 2))
        about_y = (math.cos(lean / 2), math.sin(lean / 2))
        quaternion = (
            about_z[0] * about_y[0],
            -about_z[1] * about_y[1],
            about_z[0] * about_y[1],
            about_z[1] * about_y[0],
        )
        position = (radius * math.cos(turn), radius * math.sin(turn), (bottom + top) / 2)
        size = (thickness / 2, half_width, half_height)
        walls.append(Part(Solid.BOX, size, position, quaternion))
    return tuple(walls)


def _bowl(scale: float) -> Form:
    foot, radius, height, wall = 0.038 * scale, 0.062 * scale, 0.042 * scale, 0.004 * scale
    angles = np.linspace(0, 1, 7)
    inside = [
        (
            float((foot - wall) + (radius - wall - foot + wall) * step**0.7),
            float(wall + (height - wall) * step),
        )
        for step in angles
    ]
    outside = [
        (float(foot + (radius - foot) * step**0.7), float(height * step)) for step in angles[::-1]
    ]
    lean = math.atan2(radius - foot, height)
    floor = Part(Solid.CYLINDER, (foot, wall / 2), (0, 0, wall / 2))
    walls = _ring_of_boxes((foot + radius) / 2, wall / 2, height, wall, lean)
    return Form(
        seen=(),
        lathe=Profile(((0, wall), *inside, *outside, (0, 0))),
        solid=(floor, *walls),
        lower=(-radius, -radius, 0),
        upper=(radius, radius, height),
        grasp=(0, 0, wall),
        keypoints=(("centre", (0, 0, height / 2)), ("bottom", (0, 0, wall)), *_rim(radius, height)),
        mass_kg=0.15,
        rest_height=wall,
        inner_radius=radius,
    )


def _rim(radius: float, height: float) -> tuple[tuple[str, Xyz], ...]:
    return (
        ("far rim", (radius, 0, height)),
        ("near rim", (-radius, 0, height)),
        ("left rim", (0, radius, height)),
        ("right rim", (0, -radius, height)),
    )


def _plate(scale: float) -> Form:
    foot, radius, height, base = 0.05 * scale, 0.07 * scale, 0.012 * scale, 0.004 * scale
    disc = Profile(
        (
            (0, base),
            (foot, base),
            (radius - 0.002, height),
            (radius, height - 0.001),
            (foot, 0),
            (0, 0),
        )
    )
    lean = math.atan2(radius - foot, height)
    walls = _ring_of_boxes((foot + radius) / 2, base / 2, height, 0.003 * scale, lean)
    return Form(
        seen=(),
        lathe=disc,
        solid=(Part(Solid.CYLINDER, (foot, base / 2), (0, 0, base / 2)), *walls),
        lower=(-radius, -radius, 0),
        upper=(radius, radius, height),
        grasp=(0, 0, base),
        keypoints=(("centre", (0, 0, base)), *_rim(radius, height)),
        mass_kg=0.12,
        rest_height=base,
        inner_radius=radius,
    )


def _tray(scale: float) -> Form:
    long, wide, height, wall = 0.088 * scale, 0.056 * scale, 0.02 * scale, 0.004 * scale
    bottom = Part(Solid.BOX, (long, wide, wall / 2), (0, 0, wall / 2))
    half, middle = (height - wall) / 2, (height + wall) / 2  # walls stand on the bottom
    ends = tuple(
        Part(Solid.BOX, (wall / 2, wide, half), (side * (long - wall / 2), 0, middle))
        for side in (-1, 1)
    )
    sides = tuple(
        Part(Solid.BOX, (long, wall / 2, half), (0, side * (wide - wall / 2), middle))
        for side in (-1, 1)
    )
    parts = (bottom, *ends, *sides)
    corners = tuple(
        (f"{depth} {side} corner", (x * long, y * wide, height))
        for depth, x in (("far", 1), ("near", -1))
        for side, y in (("left", 1), ("right", -1))
    )
    return Form(
        seen=parts,
        lathe=None,
        solid=parts,
        lower=(-long, -wide, 0),
        upper=(long, wide, height),
        grasp=(0, 0, wall),
        keypoints=(("centre", (0, 0, wall)), *corners),
        mass_kg=0.2,
        rest_height=wall,
        inner_radius=wide,
    )


def _ring(scale: float) -> Form:
    radius, tube = 0.036 * scale, 0.009 * scale
    around = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    # clockwise in the (radius, height) plane, so that triangles face outwards
    points = tuple(
        (float(radius + tube * math.cos(turn)), float(tube + tube * math.sin(turn)))
        for turn in -around
    )
    half = radius * math.tan(math.pi / WALL_SEGMENTS)
    rods = tuple(
        Part(
            Solid.CAPSULE,
            (tube, half),
            (radius * math.cos(turn), radius * math.sin(turn), tube),
            _lying(turn),
        )
        for turn in (np.arange(WALL_SEGMENTS) * 2 * math.pi / WALL_SEGMENTS).tolist()
    )
    outer = radius + tube
    return Form(
        seen=(),
        lathe=Profile(points, closed=True),
        solid=rods,
        lower=(-outer, -outer, 0),
        upper=(outer, outer, 2 * tube),
        grasp=(radius, 0, 2 * tube),
        keypoints=(("centre", (0, 0, tube)), *_rim(radius, 2 * tube)),
        mass_kg=0.06,
    )


def _lying(turn: float) -> tuple[float, float, float, float]:
    """Turns z to the horizontal tangent at angle `turn` of a circle about z."""
    half = math.pi / 4  # a quarter turn about the radius
    return (
        math.cos(half),
        math.cos(turn) * math.sin(half),
        math.sin(turn) * math.sin(half),
        0.0,
    )


def _bottle(scale: float) -> Form:
    radius, shoulder, neck, top = 0.024 * scale, 0.07 * scale, 0.012 * scale, 0.115 * scale
    cap = 0.018 * scale
    glass = Profile(
        (
            (0, top - cap),
            (neck, top - cap),
            (neck, shoulder + 0.016 * scale),
            (radius * 0.75, shoulder + 0.008 * scale),
            (radius, shoulder),
            (radius, 0.003),
            (radius - 0.003, 0),
            (0, 0),
        )
    )
    lid = Part(Solid.CYLINDER, (neck * 1.25, cap / 2), (0, 0, top - cap / 2))
    body = Part(Solid.CYLINDER, (radius, shoulder / 2), (0, 0, shoulder / 2))
    throat = Part(Solid.CYLINDER, (neck, (top - shoulder) / 2), (0, 0, (top + shoulder) / 2))
    return Form(
        seen=(lid,),
        lathe=glass,
        solid=(body, throat, lid),
        lower=(-radius, -radius, 0),
        upper=(radius, radius, top),
        grasp=(0, 0, top),
        keypoints=(
            ("cap", (0, 0, top)),
            ("neck", (0, 0, shoulder + 0.016 * scale)),
            ("centre", (0, 0, shoulder / 2)),
            ("base", (0, 0, 0)),
        ),
        mass_kg=0.1,
    )


_FORMS: Mapping[Shape, Callable[[float], Form]] = MappingProxyType(
    {
        Shape.CUBE: _cube,
        Shape.CYLINDER: _cylinder,
        Shape.BALL: _ball,
        Shape.MUG: _mug,
        Shape.BOWL: _bowl,
        Shape.PLATE: _plate,
        Shape.TRAY: _tray,
        Shape.RING: _ring,
        Shape.BOTTLE: _bottle,
    }
)
