"""The pose of one camera relative to another around an object, as four tokens. numpy only.

Spherical coordinates about an object, its z axis up: theta is the angle from +z, phi the angle
about z from +x, r the distance. A relative pose is the difference target - reference of the three,
as in view synthesis from one picture (Zero-1-to-3, arXiv 2303.11328; model.md section 9).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uio2_ros.decoding.quantities import (
    Floats,
    Range,
    fractions_from,
    fractions_of,
    tokens_of,
    values_from,
)
from uio2_ros.decoding.vocabulary import Vocabulary

RELATIVE_POSE_TOKENS = 4
THETA, SINUSOID, RADIUS = Range(-math.pi, math.pi), Range(-1.0, 1.0), Range(-0.7, 0.7)
_NAMES = ("theta", "the sine of phi", "the cosine of phi", "r")
_NEAR_POLE = 1e-6


@dataclass(frozen=True)
class RelativePose:
    """How a camera's position changes: theta and phi in radians, r in the object's unit."""

    theta: float
    phi: float
    radius: float

    @classmethod
    def between(cls, reference: npt.ArrayLike, target: npt.ArrayLike) -> RelativePose:
        """The difference of two camera poses.

        Each is a 4x4 matrix that takes points of the camera's optical frame to the object's; only
        its last column, the camera's position, counts. phi is in (-pi, pi].
        """
        before, after = (_spherical(_position(pose)) for pose in (reference, target))
        theta, phi, radius = (float(number) for number in np.subtract(after, before))
        return cls(theta, math.atan2(math.sin(phi), math.cos(phi)), radius)

    def from_reference(self, reference: npt.ArrayLike) -> Floats:
        """The target camera's pose, 4x4 optical frame -> object: it looks at the object's origin.

        The picture's up is the object's z. Raises ValueError for a target that lies above or below
        the origin or beyond it, where such a camera is not defined.
        """
        theta, phi, radius = _spherical(_position(reference)) + np.array(
            [self.theta, self.phi, self.radius]
        )
        if radius <= 0 or math.sin(theta) < _NEAR_POLE:
            raise ValueError(
                f"a camera at theta {theta:.4g}, r {radius:.4g} cannot look at the object with its "
                "up upright; expected theta in (0, pi) and r > 0"
            )
        return _looking_at_origin(theta, phi, radius)


@dataclass(frozen=True)
class RelativePoseCodec:
    """(theta, sin phi, cos phi, r) <-> four location tokens, each within one bin."""

    theta: Range = THETA
    sinusoid: Range = SINUSOID
    radius: Range = RADIUS

    def encode(
        self, vocabulary: Vocabulary, pose: RelativePose, *, clip: bool = False
    ) -> tuple[int, ...]:
        """A relative pose to tokens; ValueError outside a range, unless clipped to it."""
        numbers = (pose.theta, math.sin(pose.phi), math.cos(pose.phi), pose.radius)
        fractions = fractions_from(numbers, self._ranges, _NAMES, clip=clip)
        return tuple(tokens_of(vocabulary, fractions).tolist())

    def decode(self, vocabulary: Vocabulary, tokens: npt.ArrayLike) -> RelativePose:
        """Four tokens to a relative pose; the sine and the cosine need not fit each other.

        Raises ValueError for other tokens, and for a sine and a cosine of zero: no angle has those.
        """
        fractions = fractions_of(vocabulary, tokens)
        if fractions.shape != (RELATIVE_POSE_TOKENS,):
            raise ValueError(f"a relative pose has 4 tokens, got an array of {fractions.shape}")
        theta, sine, cosine, radius = values_from(fractions, self._ranges).tolist()
        if math.hypot(sine, cosine) < 1e-9:
            raise ValueError("the sine and the cosine of phi are both zero; no angle has those")
        return RelativePose(theta, math.atan2(sine, cosine), radius)

    @property
    def _ranges(self) -> tuple[Range, ...]:
        return self.theta, self.sinusoid, self.sinusoid, self.radius


def _position(pose: npt.ArrayLike) -> Floats:
    matrix = np.asarray(pose, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError(f"a camera's pose is a finite 4x4 matrix, got {matrix.tolist()}")
    position: Floats = matrix[:3, 3]
    if not position.any():
        raise ValueError("a camera at the object's origin has no direction to it")
    return position


def _spherical(position: Floats) -> Floats:
    """theta, phi, r"""
    x, y, z = position.tolist()
    return np.array([math.atan2(math.hypot(x, y), z), math.atan2(y, x), math.hypot(x, y, z)])


def _looking_at_origin(theta: float, phi: float, radius: float) -> Floats:
    outward = np.array(
        [math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)]
    )
    right = np.array([-math.sin(phi), math.cos(phi), 0.0])
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, np.cross(-outward, right), -outward
    pose[:3, 3] = radius * outward
    return pose
