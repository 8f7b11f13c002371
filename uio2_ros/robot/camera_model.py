"""How a camera's picture comes from what is before it. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CameraModel:
    """Pinhole intrinsics of the original picture (sensor_msgs/CameraInfo K), pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
