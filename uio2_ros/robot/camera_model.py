"""Where in a picture what is seen lies: pinhole cameras and their lenses. numpy, OpenCV."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LENSES = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
"""Models of distortion (sensor_msgs/distortion_models.hpp) and how many coefficients they have."""
_STEEPEST = 10.0
"""Tangent of the largest angle to the optical axis that is projected."""
_PRECISE = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-10)


@dataclass(frozen=True)
class CameraModel:
    """Intrinsics of the original picture, in pixels; whole numbers are the centres of pixels.

    distortion_model is one of `LENSES`, and distortion its coefficients as OpenCV has them; "" and
    () for a picture without distortion. ValueError for others, and for numbers that are none.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str = ""
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        pinhole = (self.fx, self.fy, self.cx, self.cy)
        if not all(map(math.isfinite, (*pinhole, *self.distortion))) or min(self.fx, self.fy) <= 0:
            raise ValueError(
                "a camera has positive focal lengths and finite numbers, got fx, fy, cx, cy = "
                f"{', '.join(f'{number:g}' for number in pinhole)}; calibrate it"
            )
        if self.distortion and self.distortion_model not in LENSES:
            raise ValueError(
                f"the distortion model {self.distortion_model!r} is unknown; expected one of "
                f"{', '.join(LENSES)}, or rectified pictures"
            )
        counts = LENSES.get(self.distortion_model, (0,))
        if self.distortion and len(self.distortion) not in counts:
            raise ValueError(
                f"the distortion model {self.distortion_model} has "
                f"{' or '.join(map(str, counts))} coefficients, got {len(self.distortion)}"
            )

    def project(self, points: npt.ArrayLike) -> Floats:
        """Points (..., 3) of the optical frame (x right, y down, z forward > 0) as pixels (..., 2).

        What a lens cannot show is put where its picture ends, on the side where it lies.
        """
        xyz = np.asarray(points, np.float64)
        aside: Floats = xyz[..., :2] / xyz[..., 2:]
        return self._distorted(aside) * (self.fx, self.fy) + (self.cx, self.cy)

    def rays(self, pixels: npt.ArrayLike) -> Floats:
        """What is seen at pixels (..., 2): (..., 2) x and y in metres for each metre of z."""
        seen: Floats = (np.asarray(pixels, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        if not self.distortion or not seen.size:
            return seen
        flat, lens, eye = seen.reshape(-1, 1, 2), np.array(self.distortion), np.eye(3)
        if self.distortion_model == "equidistant":
            found = cv2.fisheye.undistortPoints(flat, eye, lens, criteria=_PRECISE)
        else:
            # OpenCV 5 has no function of this name any more, and criteria in the usual one
            undistort = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
            found = undistort(flat, eye, lens, R=eye, P=eye, criteria=_PRECISE)
        return np.asarray(found, np.float64).reshape(seen.shape)

    def _distorted(self, aside: Floats) -> Floats:
        """(..., 2) x/z and y/z as a lens bends them."""
        if not self.distortion or not aside.size:
            return aside
        radius = np.linalg.norm(aside, axis=-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = aside * np.where(radius > self._reach, self._reach / radius, 1.0)
        return self._bent(shown)

    @cached_property
    def _reach(self) -> float:
        """The largest x/z that is shown further out than all smaller ones: beyond it polynomials
        turn back, and what lies outside the picture would come to lie within it."""
        aside = np.linspace(0.0, _STEEPEST, 1001)
        shown = self._bent(np.stack([aside, np.zeros_like(aside)], axis=-1))[:, 0]
        turns = np.flatnonzero(np.diff(shown) <= 0)
        return float(aside[turns[0]] if turns.size else _STEEPEST)

    def _bent(self, aside: Floats) -> Floats:
        flat = aside.reshape(-1, 2)
        known = np.isfinite(flat).all(axis=1)
        bent = np.full_like(flat, np.nan)
        if known.any():
            bent[known] = self._bent_finite(flat[known])
        return bent.reshape(aside.shape)

    def _bent_finite(self, aside: Floats) -> Floats:
        lens, still = np.array(self.distortion), np.zeros(3)
        if self.distortion_model == "equidistant":
            found = cv2.fisheye.distortPoints(aside[:, None], np.eye(3), lens)
        else:
            points = np.column_stack([aside, np.ones(len(aside))])[:, None]
            found, _ = cv2.projectPoints(points, still, still, np.eye(3), lens)
        return np.asarray(found, np.float64).reshape(-1, 2)
