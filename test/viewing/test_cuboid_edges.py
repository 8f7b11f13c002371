"""Corners and edges of oriented boxes lie where the boxes are, and are seen where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transforms3d.euler import euler2quat

from uio2_ros.robot.answer import Cuboid
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.viewing.cuboid_edges import NEAREST_M, corners, edges, projected_edges

CAMERA = CameraModel(640, 480, 500.0, 400.0, 320.0, 240.0)
angles = st.floats(-3.1, 3.1)


@given(st.tuples(angles, angles, angles))
def test_edges_have_the_lengths_of_the_size(turn: tuple[float, float, float]) -> None:
    cuboid = Cuboid("box", (0.5, -0.25, 2.0), (0.1, 0.2, 0.4), tuple(euler2quat(*turn)))
    lengths = np.linalg.norm(np.diff(edges(cuboid), axis=1)[:, 0], axis=1)
    np.testing.assert_allclose(sorted(lengths), [0.1] * 4 + [0.2] * 4 + [0.4] * 4)
    np.testing.assert_allclose(corners(cuboid).mean(axis=0), cuboid.center)


def test_a_turn_about_z_swaps_the_sides() -> None:
    quarter = tuple(euler2quat(0, 0, np.pi / 2))
    places = corners(Cuboid("box", (0, 0, 0), (2.0, 1.0, 1.0), quarter))
    np.testing.assert_allclose(np.ptp(places, axis=0), (1.0, 2.0, 1.0))


def test_near_face_is_seen_larger() -> None:
    ends = projected_edges(Cuboid("box", (0, 0, 2), (1, 1, 2), (1, 0, 0, 0)), CAMERA)
    assert ends.shape == (12, 2, 2)
    assert ends[..., 0].min() == pytest.approx(320 - 500 * 0.5 / 1)
    assert ends[..., 1].max() == pytest.approx(240 + 400 * 0.5 / 1)


@pytest.mark.parametrize("turn", [0.0, np.pi])
def test_edges_end_before_the_camera(turn: float) -> None:
    """A box that the camera stands in, below its ray, from either end."""
    turned = tuple(euler2quat(0, turn, 0))
    around = projected_edges(Cuboid("box", (0, 1, 0), (1, 1, 4), turned), CAMERA)
    assert len(around) == 8  # those of the far face, and four cut off
    assert around[..., 1].max() == pytest.approx(240 + 400 * 1.5 / NEAREST_M)
    assert around[..., 1].min() == pytest.approx(240 + 400 * 0.5 / 2)


def test_a_box_behind_the_camera_is_not_seen() -> None:
    behind = projected_edges(Cuboid("box", (0, 0, -2), (1, 1, 1), (1, 0, 0, 0)), CAMERA)
    assert behind.shape == (0, 2, 2)
