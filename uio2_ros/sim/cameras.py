"""Where cameras are and what they see: poses, projection, and sampling of both. numpy only.

The optical frame is REP 103's: x right, y down, z forward. Pixel (0, 0) is the centre of the first
pixel, as in sensor_msgs/CameraInfo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.sim.spec import CameraSpec

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PictureSize:
    """Pixels of a picture."""

    width: int
    height: int


@dataclass(frozen=True)
class CameraView:
    """A camera at a moment: its intrinsics, and the pose of its optical frame in the scene."""

    model: CameraModel
    position: Array  # (3,)
    rotation: Array  # (3, 3), columns: right, down, forward in the frame of the scene

    def to_optical(self, points: Array) -> Array:
        """Points of the scene (N, 3) in the optical frame (N, 3)."""
        return (points - self.position) @ self.rotation

    def project(self, points: Array) -> Array:
        """Points of the scene (N, 3) as pixels (N, 2); NaN for those behind the camera."""
        x, y, z = self.to_optical(points).T
        ahead = np.where(z > 1e-6, z, np.nan)
        return np.stack(
            [
                self.model.fx * x / ahead + self.model.cx,
                self.model.fy * y / ahead + self.model.cy,
            ],
            axis=-1,
        )

    def quaternion_wxyz(self) -> tuple[float, float, float, float]:
        """The rotation of the optical frame."""
        return quaternion_of(self.rotation)


def quaternion_of(rotation: Array) -> tuple[float, float, float, float]:
    """w x y z of a rotation matrix (3, 3), w not negative."""
    from transforms3d.quaternions import mat2quat

    w, x, y, z = mat2quat(rotation).tolist()
    return w, x, y, z


def view_of(spec: CameraSpec) -> CameraView:
    """The view of a camera that stands still."""
    position = np.asarray(spec.position, dtype=np.float64)
    forward = _unit(np.asarray(spec.target) - position)
    right = _unit(np.cross(forward, np.asarray(spec.up)))
    down = np.cross(forward, right)
    return CameraView(spec.model, position, np.stack([right, down, forward], axis=1))


def _unit(vector: Array) -> Array:
    length = float(np.linalg.norm(vector))
    if length < 1e-9:
        raise ValueError("a camera needs a target away from it, and an up across its line of sight")
    return vector / length


def sample_intrinsics(
    rng: np.random.Generator, size: PictureSize, field_of_view_deg: tuple[float, float]
) -> CameraModel:
    """Square pixels almost, a centre near the middle; the field of view is the narrower one."""
    field_of_view = math.radians(rng.uniform(*field_of_view_deg))
    focal = min(size.width, size.height) / 2 / math.tan(field_of_view / 2)
    shift_x, shift_y = rng.uniform(-0.02, 0.02, 2) * (size.width, size.height)
    return CameraModel(
        width=size.width,
        height=size.height,
        fx=float(focal * rng.uniform(0.99, 1.01)),
        fy=float(focal),
        cx=float((size.width - 1) / 2 + shift_x),
        cy=float((size.height - 1) / 2 + shift_y),
    )


def sample_table_cameras(rng: np.random.Generator, size: PictureSize) -> tuple[CameraSpec, ...]:
    """A front camera above the robot's base, looking forward onto the table, and one on top.

    In both, left in the picture is left of the robot (+y).
    """
    away = 1.0 if size.width >= 1.3 * size.height else 1.32
    front_target, top_target = np.array([0.45, 0.0, 0.0]), np.array([0.5, 0.0, 0.0])
    front = CameraSpec(
        name="front",
        model=sample_intrinsics(rng, size, (46.0, 50.0)),
        position=_jitter(rng, front_target + away * np.array([-0.74, 0.0, 0.74]), 0.03),
        target=_jitter(rng, front_target, 0.02),
    )
    top = CameraSpec(
        name="top",
        model=sample_intrinsics(rng, size, (46.0, 50.0)),
        position=_jitter(rng, top_target + away * np.array([-0.03, 0.0, 0.95]), 0.03),
        target=_jitter(rng, top_target, 0.01),
        up=(1.0, 0.0, 0.0),
    )
    return front, top


def base_camera(rng: np.random.Generator, size: PictureSize) -> CameraSpec:
    """The camera of the mobile base, in the frame of the base: x forward, z up from the floor."""
    height = float(rng.uniform(0.55, 0.65))
    return CameraSpec(
        name="base",
        model=sample_intrinsics(rng, size, (58.0, 64.0)),
        position=(0.15, 0.0, height),
        target=(1.15, 0.0, height - float(rng.uniform(0.08, 0.16))),
    )


def _jitter(rng: np.random.Generator, around: Array, reach: float) -> tuple[float, float, float]:
    x, y, z = (around + rng.uniform(-reach, reach, 3)).tolist()
    return x, y, z
