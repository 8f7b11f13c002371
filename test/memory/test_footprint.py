"""The middle of a footprint, from the ranges that one side of it shows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.memory.footprint import footprint

Floats = npt.NDArray[np.float64]
TOLERANCE_M = 0.01
DIRECTIONS = 40


def disc(middle: tuple[float, float], radius: float) -> Floats:
    """What is seen of a disc (n, 2): the near side."""
    away, turn = math.hypot(*middle), math.atan2(middle[1], middle[0])
    aside = np.linspace(-1, 1, 201)[1:-1] * math.asin(radius / away)
    ranges = away * np.cos(aside) - np.sqrt(radius**2 - np.square(away * np.sin(aside)))
    return ranges[:, None] * np.stack([np.cos(turn + aside), np.sin(turn + aside)], axis=1)


def square(middle: tuple[float, float], side: float, yaw: float) -> Floats:
    """What is seen of a square: the faces that look at the camera."""
    faces = []
    for quarter in range(4):
        turn = yaw + quarter * math.pi / 2
        out, along = np.array([math.cos(turn), math.sin(turn)]), np.linspace(-0.5, 0.5, 101)
        face = np.array(middle) + side * (out / 2 + along[:, None] * [-out[1], out[0]])
        if out @ (np.array(middle) + side * out / 2) < 0:
            faces.append(face)
    return np.concatenate(faces)


def error_m(places: Floats, middle: tuple[float, float], *, is_cut: bool = False) -> float:
    found = footprint(places, DIRECTIONS, TOLERANCE_M, is_cut=is_cut)
    return float(np.linalg.norm(found.middle - middle))


@given(ahead=st.floats(1, 4), right=st.floats(-1, 1), radius=st.floats(0.1, 0.3))
def test_of_what_is_round_the_middle_is_behind_what_is_seen(
    ahead: float, right: float, radius: float
) -> None:
    places = disc((ahead, right), radius)
    assert error_m(places, (ahead, right)) < 0.15 * radius
    found = footprint(places, DIRECTIONS, TOLERANCE_M, is_cut=False)
    assert found.diameter == pytest.approx(2 * radius, rel=0.2)


@given(yaw=st.floats(0, math.pi / 2), ahead=st.floats(1.5, 4))
def test_a_square_may_be_turned_as_it_likes(yaw: float, ahead: float) -> None:
    assert error_m(square((ahead, 0.2), 0.4, yaw), (ahead, 0.2)) < 0.07


def test_what_sticks_out_of_a_round_body_moves_the_middle_by_half_of_it() -> None:
    body = disc((2.0, 0.0), 0.25)
    handle = np.column_stack([np.full(41, 2.0), np.linspace(0.26, 0.45, 41)])
    assert error_m(np.concatenate([body, handle]), (2.0, 0.1)) < 0.03


def test_a_round_body_that_the_edge_cuts_off_is_completed() -> None:
    middle = (2.0, 0.0)
    whole = disc(middle, 0.25)
    part = whole[whole[:, 1] > -0.1]
    assert error_m(part, middle, is_cut=True) < 0.02
    assert error_m(part, middle) > 0.05  # as if all of it were seen


def test_a_flat_face_that_the_edge_cuts_off_is_no_part_of_a_round_body() -> None:
    face = np.column_stack([np.full(101, 2.0), np.linspace(-0.2, 0.2, 101)])
    cut, whole = (footprint(face, DIRECTIONS, TOLERANCE_M, is_cut=cut) for cut in (True, False))
    assert cut.middle == pytest.approx(whole.middle)


def test_one_place_is_enough() -> None:
    found = footprint(np.array([[2.0, 0.5]]), 1, TOLERANCE_M, is_cut=True)
    assert found.middle == pytest.approx((2.0, 0.5), abs=0.01)
