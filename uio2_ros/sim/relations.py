"""What is true of objects in a world, from its physics."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from uio2_ros.sim.shapes import Form
from uio2_ros.sim.spec import Shape
from uio2_ros.sim.world import World

Array = npt.NDArray[np.float64]

AT_REST_M_S = 0.02
CONTAINERS = (Shape.BOWL, Shape.MUG, Shape.TRAY)


def is_inside(world: World, inner: str, outer: str) -> bool:
    """Whether an object rests in or on another: above it, within its outline, held up by it."""
    place = _seen_from(world, inner, outer)
    below = world.form(outer)
    return (
        _within(below, place[0], place[1], world.scene.object_named(outer).shape)
        and place[2] > 0.5 * below.rest_height - 0.002
        and world.physics.touching(inner, outer)
        and is_at_rest(world, inner)
    )


def is_stacked(world: World, upper: str, lower: str) -> bool:
    """Whether an object stands on top of another, and stands still."""
    place = _seen_from(world, upper, lower)
    form = world.form(lower)
    return (
        abs(place[2] - form.rest_height) < 0.008
        and _within(form, place[0], place[1], world.scene.object_named(lower).shape)
        and world.physics.touching(upper, lower)
        and is_at_rest(world, upper)
    )


def is_near(world: World, name: str, x: float, y: float, within_m: float) -> bool:
    """Whether an object stands at a place of the table."""
    position = world.pose(name).position
    return math.dist(position[:2].tolist(), (x, y)) < within_m and is_at_rest(world, name)


def is_at_rest(world: World, name: str) -> bool:
    return world.physics.speed(name) < AT_REST_M_S


def is_upright(world: World, name: str) -> bool:
    """Whether its z axis still points up, to within 15 degrees."""
    return float(world.pose(name).rotation[2, 2]) > math.cos(math.radians(15))


def _seen_from(world: World, name: str, other: str) -> tuple[float, float, float]:
    """The origin of an object in the frame of another."""
    frame = world.pose(other)
    x, y, z = (frame.rotation.T @ (_axis_point(world, name) - frame.position)).tolist()
    return x, y, z


def _axis_point(world: World, name: str) -> Array:
    """Below the object's middle at the height of its lowest point, however it lies."""
    form, pose = world.form(name), world.pose(name)
    middle = pose.apply(np.array([[0.0, 0.0, form.centre[2]]]))[0]
    corners = pose.apply(box_corners(form))
    return np.array([middle[0], middle[1], corners[:, 2].min()])


def box_corners(form: Form) -> Array:
    """The corners of the box around an object, (8, 3) in its frame."""
    low, high = np.asarray(form.lower), np.asarray(form.upper)
    choice = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(8, 3)
    corners: Array = low + choice * (high - low)
    return corners


def _within(form: Form, x: float, y: float, shape: Shape) -> bool:
    if shape in (Shape.TRAY, Shape.CUBE):
        return abs(x) < form.upper[0] and abs(y) < form.upper[1]
    return math.hypot(x, y) < 0.9 * form.inner_radius
