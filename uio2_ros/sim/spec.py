"""What a scene is, before any of it is built: frozen records, in metres and radians. numpy only.

A `SceneSpec` determines the model, and with it every pixel and every outcome. Poses are in the
frame of the scene: on the table that of the robot's base (x forward, y left, z up, z = 0 on the
table top), in the room that of the floor (z = 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from uio2_ros.robot.camera_model import CameraModel


class Shape(Enum):
    """The kinds of objects; the value is the word for them."""

    CUBE = "cube"
    CYLINDER = "cylinder"
    BALL = "ball"
    MUG = "mug"
    BOWL = "bowl"
    PLATE = "plate"
    TRAY = "tray"
    RING = "ring"
    BOTTLE = "bottle"


class Colour(Enum):
    """The colours of objects; the value is the word for them."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"
    PINK = "pink"
    WHITE = "white"


class Size(Enum):
    """The sizes of objects; the value is the word for them."""

    SMALL = "small"
    LARGE = "large"


class Place(Enum):
    """Where a scene is: the arm works at the table, the base drives in the room."""

    TABLE = "table"
    ROOM = "room"


@dataclass(frozen=True)
class ObjectPose:
    """Where an object stands: its origin, which is the centre of its underside, and its yaw."""

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0


@dataclass(frozen=True)
class ObjectSpec:
    """One object. Its name is unique in the scene and names its body in the model."""

    name: str
    shape: Shape
    colour: Colour
    size: Size
    pose: ObjectPose

    @property
    def kind(self) -> tuple[Colour, Shape]:
        """What decides whether it may appear in training: colour and shape together."""
        return self.colour, self.shape


@dataclass(frozen=True)
class LineSpec:
    """A painted line across the table, parallel to y; nothing bumps into it."""

    x: float
    colour: Colour
    width_m: float = 0.012


@dataclass(frozen=True)
class CameraSpec:
    """A camera: its name, its intrinsics, and where it is and looks in the frame of the scene.

    `up` is the direction that is up in the picture, as far as the line of sight allows.
    """

    name: str
    model: CameraModel
    position: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class LightSpec:
    """A distant light: the direction it shines in and its strength, 0 to 1."""

    direction: tuple[float, float, float]
    strength: float
    casts_shadow: bool


@dataclass(frozen=True)
class SurfaceSpec:
    """How a surface looks: a pattern of two RGB colours, drawn from its own seed."""

    pattern: str  # "wood", "speckle", "checker", "plain"
    light_rgb: tuple[float, float, float]
    dark_rgb: tuple[float, float, float]
    seed: int = 0


@dataclass(frozen=True)
class SceneSpec:
    """Everything there is at the start. `top_surface` is the table top or the walls."""

    place: Place
    objects: tuple[ObjectSpec, ...]
    cameras: tuple[CameraSpec, ...]
    lights: tuple[LightSpec, ...]
    top_surface: SurfaceSpec
    floor_surface: SurfaceSpec
    line: LineSpec | None = None
    base_pose: ObjectPose | None = None  # where the mobile base starts, in a room

    def object_named(self, name: str) -> ObjectSpec:
        """The object. Raises KeyError, with the names there are, for any other."""
        for candidate in self.objects:
            if candidate.name == name:
                return candidate
        known = ", ".join(candidate.name for candidate in self.objects)
        raise KeyError(f"the scene has no object {name!r}; it has {known}")
