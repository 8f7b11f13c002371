"""Shapes of several frames brought into one: what RViz does with its fixed frame. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.frames import FrameTree
from uio2_ros.robot.poses import Pose3D
from uio2_ros.viewing.shapes import Dots, Points, Shape, axes, frustum, grid

OPTICAL_TO_UPRIGHT = np.array(
    [[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64
)
"""From an optical frame (x right, y down, z forward) to x forward, y left, z up (REP 103)."""
PREFERRED_FRAMES = ("base_link", "base_footprint", "odom", "map", "world")
"""Where a scene is shown, the first of these that is connected with what it shows."""
FRUSTUM_M = 1.0
"""How far the camera's view is drawn; 2D boxes of markers lie there."""
MOST_AXES = 12
"""With more frames than these, only those that something is shown in have axes."""
NICE_STEPS_M = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
MOST_CLOUD_POINTS = 4000


@dataclass(frozen=True)
class Eye:
    """The camera that the picture came from; `camera` is None where its intrinsics are unknown."""

    frame_id: str
    camera: CameraModel | None


@dataclass(frozen=True)
class Scene:
    """Shapes in one frame, z up. `title` names the frame."""

    title: str
    shapes: tuple[Shape, ...]

    def bounds(self) -> tuple[Points, Points]:
        """Lowest and highest corner of all shapes."""
        points = np.concatenate([shape.points.reshape(-1, 3) for shape in self.shapes])
        return points.min(axis=0), points.max(axis=0)


def scenes_of(
    placed: Sequence[tuple[str, Shape]], tree: FrameTree, eye: Eye | None, frame: str = ""
) -> list[Scene]:
    """One scene for all frames that TF connects, so one per group where TF says too little.

    Each is shown in `frame`, or in the first of `PREFERRED_FRAMES`, or in the first frame of the
    group. A picture's optical frame, if it is the one shown in, is turned so that z is up.
    """
    left = list(dict.fromkeys(name for name, _ in placed))
    if eye is not None and eye.frame_id not in left:
        left.append(eye.frame_id)
    scenes = []
    while left:
        group = tree.poses_in(left[0])
        root = _root(group, left[0], frame)
        scenes.append(_scene(root, tree.poses_in(root), placed, eye))
        left = [name for name in left if name not in group]
    return scenes


def _root(group: dict[str, Pose3D], first: str, frame: str) -> str:
    return next((name for name in (frame, *PREFERRED_FRAMES) if name in group), first)


def _scene(
    root: str, poses: dict[str, Pose3D], placed: Sequence[tuple[str, Shape]], eye: Eye | None
) -> Scene:
    is_optical = eye is not None and root == eye.frame_id
    upright = OPTICAL_TO_UPRIGHT if is_optical else np.eye(4)
    seen = [(name, shape) for name, shape in placed if name in poses]
    shapes: list[Shape] = [shape.moved(upright @ poses[name].matrix) for name, shape in seen]
    if eye is not None and eye.frame_id in poses and eye.camera is not None:
        pose = upright @ poses[eye.frame_id].matrix
        shapes += [shape.moved(pose) for shape in frustum(eye.camera, FRUSTUM_M)]
    for name in _named(root, poses, {name for name, _ in seen}, eye):
        shapes += axes(upright @ poses[name].matrix, name, 0.15)
    title = f"{root}, turned upright" if is_optical else root
    scene = Scene(title, tuple(shapes))
    return Scene(title, (*_floor(scene, is_optical), *shapes))


def _named(root: str, poses: dict[str, Pose3D], used: set[str], eye: Eye | None) -> list[str]:
    """The frames whose axes are shown."""
    if len(poses) <= MOST_AXES:
        return list(poses)
    camera = {eye.frame_id} if eye is not None else set()
    return sorted((used | {root} | camera) & set(poses))


def _floor(scene: Scene, is_optical: bool) -> list[Shape]:
    """A grid on the frame's ground; below everything, if that frame hangs in the air."""
    low, high = scene.bounds()
    center, reach = (low + high) / 2, max(*(high - low)[:2] / 2, 0.3)
    center[2] = low[2] if is_optical else 0.0
    step = next((step for step in NICE_STEPS_M if reach / step <= 10), NICE_STEPS_M[-1])
    return grid(center, reach, step)


def depth_cloud(
    metres: npt.NDArray[np.float32], colors: npt.NDArray[np.uint8], camera: CameraModel
) -> Dots:
    """Dots of the optical frame at the known depths of a picture, with the colours of another.

    metres (H, W), 0 or not finite: unknown; colors (H, W, 3). At most `MOST_CLOUD_POINTS`.
    """
    every = max(1, int(np.ceil(np.sqrt(metres.size / MOST_CLOUD_POINTS))))
    rows, columns = np.mgrid[: metres.shape[0] : every, : metres.shape[1] : every]
    depth = np.asarray(metres[rows, columns], np.float64)
    known = np.isfinite(depth) & (depth > 0)
    z = depth[known]
    aside = camera.rays(np.column_stack((columns[known], rows[known]))) * z[:, None]
    rgb = colors[rows, columns][known] / 255.0
    return Dots(np.column_stack((aside, z)), np.column_stack((rgb, np.ones(len(z)))), 0.006)
