"""Random scenes: which objects, where, in what light, seen from where. numpy only.

Sampling ends in a `SceneSpec`; nothing is built here.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from uio2_ros.sim.appearance import Rgb
from uio2_ros.sim.cameras import PictureSize, base_camera, sample_table_cameras
from uio2_ros.sim.model import ROOM_MAGNIFICATION, ROOM_SIZE_M
from uio2_ros.sim.shapes import form
from uio2_ros.sim.spec import (
    Colour,
    LightSpec,
    LineSpec,
    ObjectPose,
    ObjectSpec,
    Place,
    SceneSpec,
    Shape,
    Size,
    SurfaceSpec,
)
from uio2_ros.sim.splits import Split, is_held_out

TABLE_X_M, TABLE_Y_M = (0.25, 0.75), (-0.5, 0.5)  # the bounds of the action space vima
CLEARANCE_M = 0.03  # between objects, and from the bounds
ROOM_CLEARANCE_M = 0.25
YAW_LIMIT_RAD = math.radians(35)  # so that an object's far left corner is the far left one
LYING_SHAPES = (Shape.BOWL, Shape.PLATE, Shape.RING)  # look the same however they are turned
PLACEMENT_TRIES = 200
SURFACE_SEEDS = 12  # few, so that their patterns are kept

_SURFACES: tuple[tuple[str, Rgb, Rgb], ...] = (
    ("wood", (0.76, 0.60, 0.42), (0.46, 0.31, 0.18)),
    ("wood", (0.84, 0.74, 0.60), (0.62, 0.50, 0.36)),
    ("speckle", (0.74, 0.74, 0.72), (0.50, 0.50, 0.50)),
    ("plain", (0.62, 0.66, 0.66), (0.62, 0.66, 0.66)),
    ("speckle", (0.36, 0.38, 0.42), (0.24, 0.25, 0.28)),
)
_FLOORS: tuple[tuple[str, Rgb, Rgb], ...] = (
    ("speckle", (0.62, 0.62, 0.64), (0.42, 0.42, 0.44)),
    ("checker", (0.66, 0.65, 0.62), (0.55, 0.54, 0.52)),
    ("wood", (0.52, 0.42, 0.32), (0.34, 0.26, 0.18)),
)
_WALLS: tuple[tuple[str, Rgb, Rgb], ...] = (
    ("plain", (0.80, 0.78, 0.72), (0.80, 0.78, 0.72)),
    ("speckle", (0.74, 0.77, 0.80), (0.64, 0.67, 0.70)),
)


class NoRoomError(RuntimeError):
    """The objects drawn do not fit; another draw may."""


@dataclass(frozen=True)
class Band:
    """A strip of the table along x that an object is pushed through, and others keep out of."""

    y: float
    half_width_m: float


class Cast:
    """Draws the objects of a scene one by one: every kind once, none in another's way.

    In training, held-out kinds never appear; held out, `lead` objects are of held-out kinds.
    """

    def __init__(self, rng: np.random.Generator, split: Split, place: Place = Place.TABLE) -> None:
        self.rng = rng
        self._split = split
        self._place = place
        self._bands: list[Band] = []
        self.objects: list[ObjectSpec] = []

    def add(
        self,
        shapes: Sequence[Shape],
        *,
        colours: Sequence[Colour] = tuple(Colour),
        size: Size | None = None,
        lead: bool = False,
        x_range_m: tuple[float, float] | None = None,
        yaw_limit_rad: float = YAW_LIMIT_RAD,
        avoid: Sequence[Shape] = (),
    ) -> ObjectSpec:
        """Draw an object and its place. Raises NoRoomError where none is left."""
        colour, shape = self._kind([each for each in shapes if each not in avoid], colours, lead)
        sizes = tuple(Size)
        chosen = sizes[int(self.rng.integers(len(sizes)))] if size is None else size
        name = f"{colour.value} {shape.value}"
        thing = ObjectSpec(name, shape, colour, chosen, ObjectPose(0, 0))
        placed = replace(thing, pose=self.free_pose(thing, x_range_m, yaw_limit_rad))
        self.objects.append(placed)
        return placed

    def distract(self, at_most: int, shapes: Sequence[Shape], at_least: int = 0) -> None:
        """Some more objects, fewer where the scene is full."""
        wanted = int(self.rng.integers(at_least, at_most + 1))
        with contextlib.suppress(NoRoomError):
            for _ in range(wanted):
                self.add(shapes)

    def keep_free(self, band: Band) -> None:
        """What is drawn from now on stays out of the band."""
        self._bands.append(band)

    def free_pose(
        self,
        thing: ObjectSpec,
        x_range_m: tuple[float, float] | None = None,
        yaw_limit_rad: float = YAW_LIMIT_RAD,
    ) -> ObjectPose:
        """A place for the object, clear of all others. Raises NoRoomError."""
        radius, clearance = self.radius(thing), self._clearance
        margin = radius + clearance / 2
        (x1, x2), (y1, y2) = self._bounds
        x1, x2 = x_range_m if x_range_m is not None else (x1 + margin, x2 - margin)
        turned = thing.shape not in LYING_SHAPES
        for _ in range(PLACEMENT_TRIES):
            x, y = self.rng.uniform(x1, x2), self.rng.uniform(y1 + margin, y2 - margin)
            yaw = self.rng.uniform(-yaw_limit_rad, yaw_limit_rad) * turned
            if self._is_free(x, y, radius, thing.name):
                return ObjectPose(float(x), float(y), 0.0, float(yaw))
        raise NoRoomError(f"no room for {thing.name} beside {len(self.objects)} objects")

    def _kind(
        self, shapes: Sequence[Shape], colours: Sequence[Colour], lead: bool
    ) -> tuple[Colour, Shape]:
        taken = {thing.kind for thing in self.objects}
        kinds = [(c, s) for s in shapes for c in colours if (c, s) not in taken]
        if self._split is Split.TRAIN:
            kinds = [kind for kind in kinds if not is_held_out(*kind)]
        elif lead:
            kinds = [kind for kind in kinds if is_held_out(*kind)]
        if not kinds:
            raise NoRoomError("no kind of object is left that this split allows")
        return kinds[int(self.rng.integers(len(kinds)))]

    @property
    def _bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        half = ROOM_SIZE_M / 2 - 0.1
        return ((-half, half), (-half, half)) if self._in_room else (TABLE_X_M, TABLE_Y_M)

    @property
    def _in_room(self) -> bool:
        return self._place is Place.ROOM

    @property
    def _clearance(self) -> float:
        return ROOM_CLEARANCE_M if self._in_room else CLEARANCE_M

    def radius(self, thing: ObjectSpec) -> float:
        """How far from its axis an object reaches, in this place."""
        return form(thing.shape, thing.size, ROOM_MAGNIFICATION if self._in_room else 1.0).radius

    def _is_free(self, x: float, y: float, radius: float, name: str) -> bool:
        others = [thing for thing in self.objects if thing.name != name]
        apart = all(
            math.hypot(x - other.pose.x, y - other.pose.y)
            > radius + self.radius(other) + self._clearance
            for other in others
        )
        outside = all(abs(y - band.y) > band.half_width_m + radius for band in self._bands)
        return apart and outside


def table_scene(cast: Cast, size: PictureSize, line: LineSpec | None = None) -> SceneSpec:
    """The objects on a table, with random surfaces, lights and cameras."""
    rng = cast.rng
    return SceneSpec(
        place=Place.TABLE,
        objects=tuple(cast.objects),
        cameras=sample_table_cameras(rng, size),
        lights=_lights(rng),
        top_surface=_surface(rng, _SURFACES),
        floor_surface=_surface(rng, _FLOORS),
        line=line,
    )


def room_scene(cast: Cast, size: PictureSize, base_pose: ObjectPose) -> SceneSpec:
    """The objects in a room with a mobile base."""
    rng = cast.rng
    return SceneSpec(
        place=Place.ROOM,
        objects=tuple(cast.objects),
        cameras=(base_camera(rng, size),),
        lights=_lights(rng),
        top_surface=_surface(rng, _WALLS),
        floor_surface=_surface(rng, _FLOORS),
        base_pose=base_pose,
    )


def _surface(rng: np.random.Generator, choices: Sequence[tuple[str, Rgb, Rgb]]) -> SurfaceSpec:
    pattern, light, dark = choices[int(rng.integers(len(choices)))]
    shade = rng.uniform(0.88, 1.08)
    return SurfaceSpec(
        pattern, _shaded(light, shade), _shaded(dark, shade), int(rng.integers(SURFACE_SEEDS))
    )


def _shaded(rgb: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(1.0, float(value * factor)) for value in rgb)
    return red, green, blue


def _lights(rng: np.random.Generator) -> tuple[LightSpec, ...]:
    """A main light from anywhere above, and a weaker one across from it that casts no shadow."""
    turn, lean = rng.uniform(0, 2 * math.pi), rng.uniform(0.15, 0.45)
    x, y = float(lean * math.cos(turn)), float(lean * math.sin(turn))
    return (
        LightSpec((x, y, -1.0), float(rng.uniform(0.34, 0.46)), casts_shadow=True),
        LightSpec((-1.5 * x, -1.5 * y, -1.0), float(rng.uniform(0.08, 0.18)), casts_shadow=False),
    )
