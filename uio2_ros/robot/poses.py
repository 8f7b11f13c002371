"""Rigid poses on a plane and in space. Metres, radians; quaternions are w, x, y, z."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transforms3d.affines import compose
from transforms3d.euler import euler2quat
from transforms3d.quaternions import qinverse, qmult, qnorm, quat2mat, rotate_vector

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

MOST_TILT = 1e-3
"""The x and y components that the quaternion of a pose on the plane may have from rounding."""


@dataclass(frozen=True)
class Pose2D:
    """A pose on the table or floor: metres in the action space's frame, yaw in radians about +z."""

    x: float
    y: float
    yaw: float


@dataclass(frozen=True)
class Pose3D:
    """A position, metres, and an orientation, w x y z, in some frame. Also a transform."""

    position: Vector3 = (0.0, 0.0, 0.0)
    quaternion_wxyz: Quaternion = (1.0, 0.0, 0.0, 0.0)

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """(4, 4): from coordinates of this pose to those of its frame."""
        return np.asarray(compose(self.position, quat2mat(self.quaternion_wxyz), np.ones(3)))

    def then(self, inner: Pose3D) -> Pose3D:
        """The pose `inner`, given in this pose's own frame, in the frame of this pose."""
        turned = rotate_vector(np.array(inner.position), self.quaternion_wxyz)
        return Pose3D(
            _vector(np.add(self.position, turned)),
            _quaternion(qmult(self.quaternion_wxyz, inner.quaternion_wxyz)),
        )

    def inverse(self) -> Pose3D:
        """The transform back."""
        back = qinverse(self.quaternion_wxyz)
        return Pose3D(_vector(-rotate_vector(np.array(self.position), back)), _quaternion(back))

    def turn(self, vector: Vector3) -> Vector3:
        """A free vector, such as a velocity, turned into the frame of this pose."""
        return _vector(rotate_vector(np.array(vector), self.quaternion_wxyz))


def unit_quaternion(wxyz: Iterable[float]) -> Quaternion:
    """Normalised; ValueError for one that is no rotation."""
    given = np.array(tuple(wxyz), dtype=float)
    length = qnorm(given)
    if not np.isfinite(given).all() or length < 1e-6:
        raise ValueError(f"the quaternion (w, x, y, z) = {tuple(given)} is no rotation")
    return _quaternion(given / length)


def from_roll_pitch_yaw(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Radians about the fixed axes x, y, z in this order, as in URDF (REP 103)."""
    return _quaternion(euler2quat(roll, pitch, yaw, "sxyz"))


def planar_quaternion(yaw: float) -> Quaternion:
    """Radians about z, up."""
    return from_roll_pitch_yaw(0.0, 0.0, yaw)


def yaw_of(wxyz: Quaternion) -> float:
    """Radians about z in [-pi, pi]; ValueError for an orientation that leaves the plane."""
    w, x, y, z = unit_quaternion(wxyz)
    if max(abs(x), abs(y)) > MOST_TILT:
        raise ValueError(f"the orientation (w, x, y, z) = {wxyz} is not a turn about z")
    return 2.0 * math.atan2(z, w) if w >= 0 else 2.0 * math.atan2(-z, -w)


def tool_pose(planar: Pose2D, height: float, tool: Quaternion) -> Pose3D:
    """Where a tool goes: above or at a place on the plane, turned by its yaw.

    height: metres above the plane of the frame. tool: the tool's orientation at yaw 0.
    """
    orientation = qmult(planar_quaternion(planar.yaw), tool)
    return Pose3D((planar.x, planar.y, height), _quaternion(orientation))


def planar_pose(planar: Pose2D) -> Pose3D:
    """The same pose in space, on the plane."""
    return Pose3D((planar.x, planar.y, 0.0), planar_quaternion(planar.yaw))


def _vector(values: npt.NDArray[np.float64]) -> Vector3:
    x, y, z = map(float, values)
    return x, y, z


def _quaternion(values: npt.NDArray[np.float64]) -> Quaternion:
    w, x, y, z = map(float, values)
    return w, x, y, z
