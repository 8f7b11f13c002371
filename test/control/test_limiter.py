"""Commands keep to range, speed and acceleration, whatever they follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uio2_ros.control import Axes, Limiter, SpeedSettings
from uio2_ros.robot.action_space import load_action_spaces

SPACES = load_action_spaces()
ARM = Axes.of(SPACES["arm7"], SpeedSettings())
DRIVE = Axes.of(SPACES["diff_drive"], SpeedSettings())
PERIOD_S = 0.05
HOME = np.array([0.0, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0, 0.04])
targets = st.lists(arrays(float, 8, elements=st.floats(-10, 10)), min_size=1, max_size=60)


@given(targets)
def test_joints_keep_to_range_speed_and_acceleration(wanted: list[np.ndarray]) -> None:
    limiter = Limiter(ARM, HOME, PERIOD_S)
    before, speed_before = HOME, np.zeros(8)
    for target in wanted:
        value = limiter.follow(target)
        speed = (value - before) / PERIOD_S
        assert (value >= ARM.low).all()
        assert (value <= ARM.high).all()
        assert (np.abs(speed) <= ARM.speed + 1e-9).all()
        assert (np.abs(speed - speed_before) <= ARM.acceleration * PERIOD_S + 1e-6).all()
        before, speed_before = value, speed


@given(arrays(float, 8, elements=st.floats(-3, 3)))
@settings(max_examples=30)
def test_target_is_reached_without_overshooting(target: np.ndarray) -> None:
    limiter = Limiter(ARM, HOME, PERIOD_S)
    reachable = np.clip(target, ARM.low, ARM.high)
    low, high = np.minimum(HOME, reachable), np.maximum(HOME, reachable)
    for _ in range(150):
        value = limiter.follow(target)
        assert (value >= low - 1e-9).all()
        assert (value <= high + 1e-9).all()
    np.testing.assert_allclose(value, reachable, atol=1e-3)


def test_velocity_changes_by_its_acceleration_at_most() -> None:
    limiter = Limiter(DRIVE, np.zeros(2), PERIOD_S)
    found = [limiter.follow(np.array([0.5, 1.5])) for _ in range(20)]
    np.testing.assert_allclose(found[0], (1.0 * PERIOD_S, 3.0 * PERIOD_S))
    np.testing.assert_allclose(found[-1], (0.5, 1.5))


def test_axis_nobody_knows_begins_at_its_target() -> None:
    start = HOME.copy()
    start[7] = np.nan
    value = Limiter(ARM, start, PERIOD_S).follow(np.full(8, 0.03))
    assert value[7] == pytest.approx(0.03)


def test_axis_outside_its_range_comes_back_at_the_speed_allowed() -> None:
    limiter = Limiter(ARM, HOME + [0.0, 3.0, 0, 0, 0, 0, 0, 0], PERIOD_S)
    first = limiter.follow(HOME)[1]
    assert 3.0 - ARM.speed[1] * PERIOD_S <= first < 3.0
    for _ in range(200):
        last = limiter.follow(HOME)[1]
    assert last == pytest.approx(0.0, abs=1e-3)


def test_relative_motion_is_made_within_its_largest_rate_and_acceleration() -> None:
    delta = Axes.of(SPACES["ee_delta"], SpeedSettings())
    limiter = Limiter(delta, np.zeros(7), PERIOD_S)
    wanted = [np.array([0.05, *[0.0] * 6])] * 4 + [np.zeros(7)] * 40
    speeds = np.array([limiter.follow(way)[0] for way in wanted])
    assert speeds.max() <= 0.25 + 1e-9
    assert np.abs(np.diff([0.0, *speeds])).max() <= 0.5 * PERIOD_S + 1e-9
    assert speeds.sum() * PERIOD_S == pytest.approx(0.2)
