"""What a camera truly sees, for every task that looks: masks, boxes, depth, normals, cuboids.

All are of one moment and one camera, in pixels of its picture or metres in its optical frame
(REP 103: x right, y down, z forward). Boxes are edges: a box holds the pixels from x1 to x2 - 1.
Points are in the coordinates of CameraInfo, where whole numbers are the centres of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.sim.cameras import CameraView, quaternion_of
from uio2_ros.sim.model import magnification
from uio2_ros.sim.renderer import Render
from uio2_ros.sim.spec import ObjectSpec
from uio2_ros.sim.world import World

Pixels = npt.NDArray[np.uint8]
Metres = npt.NDArray[np.float32]

LEAST_PIXELS = 12  # less of an object is not seen
SURFACE_M = 0.008  # how far behind what is seen a point may lie and still be it
INNER_POINTS = ("centre", "base")  # inside or below: seen where the object is seen


@dataclass(frozen=True)
class ObjectTruth:
    """One object that is seen. label is what people call it: "red cube"."""

    spec: ObjectSpec
    label: str
    mask: Pixels  # (H, W), 0 or 255
    box: Box
    cuboid: Cuboid
    keypoints: PointSet

    @property
    def detection(self) -> Detection:
        return Detection(self.box, self.label)


@dataclass(frozen=True)
class SceneTruth:
    """One picture and all that is true of it; objects in the order of the scene."""

    camera: CameraView
    colour: Pixels  # (H, W, 3) RGB
    depth: Metres  # (H, W) along the optical axis; 0 where nothing is
    objects: tuple[ObjectTruth, ...]

    @cached_property
    def normals(self) -> Metres:
        """(H, W, 3) unit vectors towards the camera, z < 0; 0 where nothing is."""
        return surface_normals(self.depth, self.camera.model)


def observe(world: World, camera: str) -> SceneTruth:
    """Draw what a camera sees and say what it is."""
    render, view = world.see(camera), world.view(camera)
    seen = (_object_truth(world, thing, render, view) for thing in world.scene.objects)
    return SceneTruth(
        view,
        render.colour,
        render.depth,
        tuple(truth for truth in seen if truth is not None),
    )


def surface_normals(depth: Metres, camera: CameraModel) -> Metres:
    """Normals of the surfaces that a depth picture shows, (H, W, 3) in the optical frame.

    Unit vectors that face the camera; 0 where the depth is 0. At edges, each is that of the surface
    on the side of the smaller jump in depth.
    """
    height, width = depth.shape
    right = (np.arange(width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx)
    down = (np.arange(height, dtype=np.float32) - np.float32(camera.cy)) / np.float32(camera.fy)
    points = (right[None, :] * depth, down[:, None] * depth, depth)
    ax, ay, az = _smaller_steps(points, axis=1)
    bx, by, bz = _smaller_steps(points, axis=0)
    normals = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)
    lengths = np.sqrt(np.einsum("hwc,hwc->hw", normals, normals))
    towards = normals[..., 0] * points[0] + normals[..., 1] * points[1] + normals[..., 2] * depth
    scale = np.divide(
        np.where(towards > 0, np.float32(-1), np.float32(1)),
        lengths,
        out=np.zeros_like(lengths),
        where=(lengths > 0) & (depth > 0),
    )
    facing: Metres = normals * scale[..., None]
    return facing


def _smaller_steps(points: tuple[Metres, ...], axis: int) -> list[Metres]:
    """Steps to the next or from the last point along an axis, whichever is nearer in depth."""
    steps = [np.diff(values, axis=axis) for values in points]
    forward = [np.concatenate([step, _edge(step, axis, last=True)], axis) for step in steps]
    backward = [np.concatenate([_edge(step, axis, last=False), step], axis) for step in steps]
    nearer = np.abs(forward[-1]) <= np.abs(backward[-1])
    return [
        np.where(nearer, ahead, behind) for ahead, behind in zip(forward, backward, strict=True)
    ]


def _edge(values: Metres, axis: int, *, last: bool) -> Metres:
    return np.take(values, [-1 if last else 0], axis=axis)


def mask_box(mask: Pixels) -> Box:
    """The smallest box around a mask. Raises ValueError for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError("an empty mask has no box")
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _object_truth(
    world: World, thing: ObjectSpec, render: Render, view: CameraView
) -> ObjectTruth | None:
    seen = render.bodies == world.physics.body_number(thing.name)
    if np.count_nonzero(seen) < LEAST_PIXELS:
        return None
    mask = seen.astype(np.uint8) * np.uint8(255)
    box = mask_box(mask)
    label = f"{thing.colour.value} {thing.shape.value}"
    points = _points(world, thing, render, view, seen)
    return ObjectTruth(
        thing, label, mask, box, _cuboid(world, thing, view, label), PointSet(label, box, points)
    )


def _cuboid(world: World, thing: ObjectSpec, view: CameraView, label: str) -> Cuboid:
    pose, form = world.pose(thing.name), world.form(thing.name)
    x, y, z = view.to_optical(pose.apply(np.array([form.centre])))[0].tolist()
    return Cuboid(label, (x, y, z), form.size, quaternion_of(view.rotation.T @ pose.rotation))


def _points(
    world: World,
    thing: ObjectSpec,
    render: Render,
    view: CameraView,
    seen: npt.NDArray[np.bool_],
) -> tuple[Point, ...]:
    names, places = zip(*world.form(thing.name).keypoints, strict=True)
    scene_points = world.pose(thing.name).apply(np.array(places))
    reach = SURFACE_M * magnification(world.scene.place)
    return tuple(
        Point(name, x, y, visible=_is_visible(name, x, y, z, render, seen, reach))
        for name, (x, y), z in zip(
            names,
            view.project(scene_points).tolist(),
            view.to_optical(scene_points)[:, 2].tolist(),
            strict=True,
        )
    )


def _is_visible(
    name: str,
    x: float,
    y: float,
    z: float,
    render: Render,
    seen: npt.NDArray[np.bool_],
    reach_m: float,
) -> bool:
    height, width = seen.shape
    if not (-0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5):
        return False
    row, column = round(y), round(x)
    if name in INNER_POINTS:
        return bool(seen[row, column])
    return z <= float(render.depth[row, column]) + reach_m
