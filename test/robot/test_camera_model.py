"""Pixels and rays of pinholes and lenses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.robot.camera_model import CameraModel

PINHOLE = CameraModel(640, 480, 500.0, 400.0, 320.0, 240.0)
LENSES = [
    ("plumb_bob", (-0.3, 0.1, 0.001, -0.002, 0.01)),
    ("plumb_bob", (0.1, -0.05, 0.0, 0.0)),
    ("rational_polynomial", (0.5, 0.05, 0.001, 0.0, 0.01, 0.8, 0.2, 0.02)),
    ("equidistant", (0.1, 0.01, -0.005, 0.001)),
]


def with_lens(model: str, coefficients: tuple[float, ...]) -> CameraModel:
    return CameraModel(640, 480, 500.0, 400.0, 320.0, 240.0, model, coefficients)


def test_a_pinhole_is_linear() -> None:
    assert PINHOLE.project((0.5, -0.25, 2.0)).tolist() == [445.0, 190.0]
    assert PINHOLE.rays((445.0, 190.0)).tolist() == [0.25, -0.125]
    assert PINHOLE.project(np.zeros((0, 3))).shape == PINHOLE.rays(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(("model", "coefficients"), LENSES)
@given(x=st.floats(0, 639), y=st.floats(0, 479), z=st.floats(0.1, 100))
def test_what_is_seen_at_a_pixel_is_projected_there(
    model: str, coefficients: tuple[float, ...], x: float, y: float, z: float
) -> None:
    camera = with_lens(model, coefficients)
    point = np.append(camera.rays((x, y)), 1.0) * z
    np.testing.assert_allclose(camera.project(point), (x, y), atol=1e-4)


@pytest.mark.parametrize(("model", "coefficients"), LENSES)
def test_lenses_are_those_of_opencv(model: str, coefficients: tuple[float, ...]) -> None:
    camera, lens = with_lens(model, coefficients), np.array(coefficients)
    matrix = np.array([[500.0, 0, 320], [0, 400, 240], [0, 0, 1]])
    points = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 4), (20, 3))
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    if model == "equidistant":
        expected, _ = project(points[:, None], np.zeros(3), np.zeros(3), matrix, lens)
    else:
        expected, _ = project(points, np.zeros(3), np.zeros(3), matrix, lens)
    np.testing.assert_allclose(camera.project(points), expected.reshape(-1, 2), atol=1e-6)


def test_what_a_lens_cannot_show_stays_outside() -> None:
    """The polynomial turns back at some angle: far aside would be seen in the middle."""
    camera = with_lens("plumb_bob", (-0.3, 0.0, 0.0, 0.0))
    aside = camera.project([(x, 0.0, 1.0) for x in (0.5, 1.0, 1.5, 1.8, 5.0)])[:, 0]
    assert (np.diff(aside) >= 0).all()
    assert aside[-1] > 640


def test_points_that_are_none_are_nowhere() -> None:
    for camera in (PINHOLE, with_lens(*LENSES[0])):
        pixels = camera.project([(0.0, 0.0, 1.0), (np.nan, 0.0, 1.0)])
        assert pixels[0].tolist() == pytest.approx([320, 240])
        assert np.isnan(pixels[1]).any()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"fx": 0.0}, "positive focal lengths"),
        ({"fy": -1.0}, "positive focal lengths"),
        ({"cx": np.nan}, "finite numbers"),
        ({"distortion_model": "omni", "distortion": (0.1,)}, "'omni' is unknown; expected one of"),
        ({"distortion_model": "", "distortion": (0.1,)}, "'' is unknown"),
        ({"distortion_model": "equidistant", "distortion": (0.1,)}, "4 coefficients, got 1"),
        ({"distortion_model": "plumb_bob", "distortion": (0.1,)}, "4 or 5 coefficients, got 1"),
    ],
)
def test_what_is_no_camera_is_refused(changes: dict[str, object], problem: str) -> None:
    numbers = {"fx": 500.0, "fy": 400.0, "cx": 320.0, "cy": 240.0} | changes
    with pytest.raises(ValueError, match=problem):
        CameraModel(640, 480, **numbers)  # type: ignore[arg-type]
