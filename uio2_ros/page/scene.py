"""What the 3D scene shows, as a list of simple things: the simulator's truth, and the last answer.

No rclpy, no NiceGUI. Metres in one frame, z up; colours as #rrggbb.
"""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from uio2_ros.messages.poses import pose_of
from uio2_ros.robot.poses import Quaternion, Vector3
from uio2_ros.viewing.scene import Scene
from uio2_ros.viewing.shapes import GRID_COLOR, Faces, Label, Line, Points

COLOURS = {  # of words in an object's label
    "red": "#d64541",
    "orange": "#f08a24",
    "yellow": "#f2c81b",
    "green": "#3fa34d",
    "blue": "#3a6fd8",
    "purple": "#8353c4",
    "pink": "#ee82b4",
    "white": "#f4f4f4",
}
NO_COLOUR = "#9aa5b1"
ROBOT_COLOUR = "#475569"
HELD_COLOUR = "#f08a24"
TOOL_WIDTH_M, TOOL_LENGTH_M = 0.03, 0.25


class SolidForm(Enum):
    """What a solid is drawn as."""

    BOX = "box"
    CYLINDER = "cylinder"
    SPHERE = "sphere"


FORMS = {
    "cylinder": SolidForm.CYLINDER,
    "ball": SolidForm.SPHERE,
    "mug": SolidForm.CYLINDER,
    "bowl": SolidForm.CYLINDER,
    "plate": SolidForm.CYLINDER,
    "ring": SolidForm.CYLINDER,
    "bottle": SolidForm.CYLINDER,
}
"""By words in the label, too; all others are boxes."""


@dataclass(frozen=True)
class SceneSolid:
    """A body around `center`, as large as `size` along its own axes."""

    form: SolidForm
    center: Vector3
    size: Vector3
    quaternion_wxyz: Quaternion
    color: str
    name: str = ""

    @property
    def looks(self) -> SceneSolid:
        """What stays when it is moved."""
        return replace(self, center=(0.0, 0.0, 0.0), quaternion_wxyz=(1.0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Segment:
    """A straight line."""

    start: Vector3
    end: Vector3
    color: str


@dataclass(frozen=True)
class Caption:
    """Text that faces whoever looks."""

    place: Vector3
    text: str


Item = SceneSolid | Segment | Caption


def items_of_simulation(state: Any) -> list[Item]:
    """The objects of a SimulationState where they truly are, and the robot."""
    items: list[Item] = [_body(thing) for thing in state.objects]
    place = state.robot.position
    held = bool(state.held)
    tool = (place.x, place.y, place.z + TOOL_LENGTH_M / 2)
    colour = HELD_COLOUR if held else ROBOT_COLOUR
    upright = (1.0, 0.0, 0.0, 0.0)
    if state.header.frame_id == "base_link":  # at a table: a tool that hangs down
        items.append(
            SceneSolid(
                SolidForm.CYLINDER,
                tool,
                (TOOL_WIDTH_M, TOOL_WIDTH_M, TOOL_LENGTH_M),
                upright,
                colour,
            )
        )
    else:
        turn = pose_of(state.robot).quaternion_wxyz
        base = (place.x, place.y, 0.1)
        items.append(SceneSolid(SolidForm.BOX, base, (0.4, 0.3, 0.2), turn, ROBOT_COLOUR, "robot"))
    return items


def _body(thing: Any) -> SceneSolid:
    """An object stands on its pose, which is the centre of its underside."""
    pose = pose_of(thing.pose)
    size = (float(thing.size.x), float(thing.size.y), float(thing.size.z))
    x, y, z = pose.position
    words = thing.label.split()
    colour = next((COLOURS[word] for word in words if word in COLOURS), NO_COLOUR)
    form = next((FORMS[word] for word in words if word in FORMS), SolidForm.BOX)
    center = (x, y, z + size[2] / 2)
    return SceneSolid(form, center, size, pose.quaternion_wxyz, colour, thing.label)


def items_of_answer(scene: Scene) -> list[Item]:
    """The markers, the camera's view and the frames of a scene; the grid is the viewer's own."""
    items: list[Item] = []
    for shape in scene.shapes:
        if isinstance(shape, Line) and shape.color != GRID_COLOR:
            items += _segments(shape.points, shape.color)
        elif isinstance(shape, Faces):
            items += _edges(shape)
        elif isinstance(shape, Label):
            items.append(Caption(_vector(shape.points[0]), shape.text))
    return items


def _segments(points: Points, color: Sequence[float]) -> Iterator[Segment]:
    for start, end in itertools.pairwise(points):
        yield Segment(_vector(start), _vector(end), _hex(color))


def _edges(faces: Faces) -> Iterator[Segment]:
    """Each edge once."""
    drawn: set[frozenset[Vector3]] = set()
    for face in np.round(faces.points, 4):
        for start, end in zip(map(_vector, face), map(_vector, np.roll(face, -1, 0)), strict=True):
            ends = frozenset((start, end))
            if start != end and ends not in drawn:
                drawn.add(ends)
                yield Segment(start, end, _hex(faces.color))


def _vector(numbers: Points) -> Vector3:
    x, y, z = map(float, numbers)
    return x, y, z


def _hex(color: Sequence[float]) -> str:
    """A little darker than for RViz: the page's ground is light."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*color[:3])
    rgb = colorsys.hls_to_rgb(hue, min(lightness, 0.5), saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)
