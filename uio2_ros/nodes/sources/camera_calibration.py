"""Camera intrinsics: from a calibration file, or from an assumed field of view.

Calibration files are YAML in the form that `camera_calibration` writes and
`camera_info_manager` reads. Matrices are row-major, in pixels, of the optical frame (REP 103).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from uio2_ros.messages.camera_info import UPRIGHT
from uio2_ros.nodes.sources.source_error import SourceError
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.records import FieldError, read_yaml

REMEDY = (
    "write it with `ros2 run camera_calibration cameracalibrator`, or leave calibration_file empty"
)


@dataclass(frozen=True)
class Calibration:
    """A camera, and how its pictures are rectified: R (3, 3) and P (3, 4); P is K if it is ()."""

    camera: CameraModel
    rectification: tuple[float, ...] = UPRIGHT
    projection: tuple[float, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its pictures."""
        return self.camera.width, self.camera.height


def assumed_calibration(width: int, height: int, horizontal_fov: float) -> Calibration:
    """A pinhole camera without distortion that sees `horizontal_fov` radians from side to side."""
    if not 0.0 < horizontal_fov < math.pi:
        raise SourceError(
            f"horizontal_fov is {horizontal_fov}", "give radians between 0 and pi, such as 1.05"
        )
    focal = width / (2.0 * math.tan(horizontal_fov / 2.0))
    center_x, center_y = (width - 1) / 2.0, (height - 1) / 2.0  # pixel centres are whole numbers
    return Calibration(CameraModel(width, height, focal, focal, center_x, center_y))


def read_calibration(path: Path) -> Calibration:
    """The calibration in a file; SourceError that names the field if it is not one."""
    try:
        return read_yaml(path, _CalibrationFile, ValueError).calibration
    except ValueError as error:
        raise SourceError(f"{path} is not a calibration file ({error})", REMEDY) from error


@dataclass(frozen=True)
class _Matrix:
    """Row by row."""

    data: tuple[float, ...]
    rows: int = 0
    cols: int = 0


@dataclass(frozen=True)
class _CalibrationFile:
    """The keys of the file."""

    image_width: int
    image_height: int
    distortion_model: str
    distortion_coefficients: _Matrix
    camera_matrix: _Matrix
    rectification_matrix: _Matrix
    projection_matrix: _Matrix
    camera_name: str = ""

    def __post_init__(self) -> None:
        for name, size in (
            ("camera_matrix", 9),
            ("rectification_matrix", 9),
            ("projection_matrix", 12),
        ):
            if (count := len(getattr(self, name).data)) != size:
                raise FieldError(f"has {count} numbers, expected {size}", name, "data")

    @property
    def calibration(self) -> Calibration:
        """ValueError for numbers that are no camera."""
        fx, _, cx, _, fy, cy, *_ = self.camera_matrix.data
        camera = CameraModel(
            self.image_width,
            self.image_height,
            *(fx, fy, cx, cy),
            distortion_model=self.distortion_model,
            distortion=self.distortion_coefficients.data,
        )
        return Calibration(camera, self.rectification_matrix.data, self.projection_matrix.data)
