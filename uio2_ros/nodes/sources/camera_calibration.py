"""Camera intrinsics: from a calibration file, or from an assumed field of view.

Calibration files are YAML in the form that `camera_calibration` writes and
`camera_info_manager` reads. Matrices are row-major, in pixels, of the optical frame (REP 103).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from uio2_ros.nodes.sources.source_error import SourceError

REMEDY = (
    "write it with `ros2 run camera_calibration cameracalibrator`, or leave calibration_file empty"
)


@dataclass(frozen=True)
class Calibration:
    """The numbers of sensor_msgs/CameraInfo."""

    width: int
    height: int
    distortion_model: str
    distortion: tuple[float, ...]
    intrinsics: tuple[float, ...]  # K, (3, 3)
    rectification: tuple[float, ...]  # R, (3, 3)
    projection: tuple[float, ...]  # P, (3, 4)


def assumed_calibration(width: int, height: int, horizontal_fov: float) -> Calibration:
    """A pinhole camera without distortion that sees `horizontal_fov` radians from side to side."""
    if not 0.0 < horizontal_fov < math.pi:
        raise SourceError(
            f"horizontal_fov is {horizontal_fov}", "give radians between 0 and pi, such as 1.05"
        )
    focal = width / (2.0 * math.tan(horizontal_fov / 2.0))
    center_x, center_y = (width - 1) / 2.0, (height - 1) / 2.0  # pixel centres are whole numbers
    return Calibration(
        width=width,
        height=height,
        distortion_model="plumb_bob",
        distortion=(0.0,) * 5,
        intrinsics=(focal, 0.0, center_x, 0.0, focal, center_y, 0.0, 0.0, 1.0),
        rectification=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        projection=(focal, 0.0, center_x, 0.0, 0.0, focal, center_y, 0.0, 0.0, 0.0, 1.0, 0.0),
    )


def read_calibration(path: Path) -> Calibration:
    """The calibration in a file; SourceError that names the field if it is not one."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(f"{path} is not a calibration file ({error})", REMEDY) from error
    if not isinstance(document, Mapping):
        raise SourceError(f"{path} is not a calibration file (it is not a mapping)", REMEDY)
    try:
        return _calibration(document)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path} is not a calibration file ({error!r})", REMEDY) from error


def _calibration(document: Mapping[str, Any]) -> Calibration:
    return Calibration(
        width=int(document["image_width"]),
        height=int(document["image_height"]),
        distortion_model=str(document["distortion_model"]),
        distortion=_numbers(document, "distortion_coefficients"),
        intrinsics=_numbers(document, "camera_matrix", 9),
        rectification=_numbers(document, "rectification_matrix", 9),
        projection=_numbers(document, "projection_matrix", 12),
    )


def _numbers(document: Mapping[str, Any], name: str, count: int | None = None) -> tuple[float, ...]:
    values = tuple(float(value) for value in document[name]["data"])
    if count is not None and len(values) != count:
        raise ValueError(f"{name} has {len(values)} numbers instead of {count}")
    return values
