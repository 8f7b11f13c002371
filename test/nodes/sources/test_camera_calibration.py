"""Intrinsics from files and from a field of view."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from uio2_ros.nodes.sources.camera_calibration import assumed_calibration, read_calibration
from uio2_ros.nodes.sources.source_error import SourceError
from uio2_ros.robot.camera_model import CameraModel


def document() -> dict[str, object]:
    return {
        "image_width": 640,
        "image_height": 480,
        "camera_name": "head",
        "camera_matrix": {"rows": 3, "cols": 3, "data": [500, 0, 320, 0, 501, 240, 0, 0, 1]},
        "distortion_model": "plumb_bob",
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.1, -0.2, 0, 0, 0.3]},
        "rectification_matrix": {"rows": 3, "cols": 3, "data": [1, 0, 0, 0, 1, 0, 0, 0, 1]},
        "projection_matrix": {
            "rows": 3,
            "cols": 4,
            "data": [500, 0, 320, 0, 0, 501, 240, 0, 0, 0, 1, 0],
        },
    }


def test_calibration_file_is_read_field_by_field(tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(yaml.safe_dump(document()))
    calibration = read_calibration(path)
    lens = ("plumb_bob", (0.1, -0.2, 0.0, 0.0, 0.3))
    assert calibration.camera == CameraModel(640, 480, 500, 501, 320, 240, *lens)
    assert calibration.rectification == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert calibration.projection[:4] == (500, 0, 320, 0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"camera_matrix": {"data": [1, 2, 3]}}, r"camera_matrix.data has 3 numbers, expected 9"),
        ({"image_width": None}, r"yaml:\d+: image_width is 'null', expected int"),
        ({"projection_matrix": {"data": ["x"] * 12}}, r"projection_matrix.data\[0\] is 'x'"),
        ({"camera_matrix": {"data": [0] * 9}}, "positive focal lengths"),
        ({"distortion_model": "fisheye"}, "the distortion model 'fisheye' is unknown"),
    ],
)
def test_malformed_calibration_names_the_fault(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(yaml.safe_dump({**document(), **change}))
    with pytest.raises(SourceError, match=named) as caught:
        read_calibration(path)
    assert "cameracalibrator" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"a: [", b"\xff\xfe\x00", b"image_width: 3"])
def test_other_files_are_no_calibration(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "camera.yaml"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="is not a calibration file"):
        read_calibration(path)


def test_missing_calibration_file_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not a calibration file"):
        read_calibration(tmp_path / "none.yaml")


def test_assumed_camera_sees_the_field_of_view_from_edge_to_edge() -> None:
    calibration = assumed_calibration(641, 481, math.pi / 2)
    camera = calibration.camera
    assert camera.fx == camera.fy == pytest.approx(320.5)
    assert (camera.cx, camera.cy) == (320.0, 240.0)
    assert camera.distortion == ()


def test_impossible_field_of_view_is_refused() -> None:
    with pytest.raises(SourceError, match=r"horizontal_fov is 4\.0"):
        assumed_calibration(640, 480, 4.0)
