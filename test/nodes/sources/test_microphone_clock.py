"""Stamps of samples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.nodes.sources.microphone_clock import SampleClock

BOUND_S = 0.05
START_NS = 1_800_000_000_000_000_000


def test_stamps_count_samples_and_ignore_jitter() -> None:
    clock = SampleClock(BOUND_S)
    for index, jitter_s in enumerate((0.0, 0.04, -0.03, 0.02)):
        clock.observe(index * 0.1, START_NS + round((index * 0.1 + jitter_s) * 1e9))
        assert clock.time_ns(index * 0.1) == START_NS + index * 100_000_000
    assert clock.resynchronised == 0


def test_lost_samples_set_the_clock_anew() -> None:
    clock = SampleClock(BOUND_S)
    clock.observe(0.0, START_NS)
    clock.observe(0.1, START_NS + 600_000_000)
    assert clock.time_ns(0.1) == START_NS + 600_000_000
    assert clock.resynchronised == 1


@given(parts_per_million=st.integers(-500, 500))
def test_drift_never_exceeds_its_bound(parts_per_million: int) -> None:
    clock = SampleClock(BOUND_S)
    for index in range(0, 6000, 10):
        position_s = index * 0.1
        true_ns = START_NS + round(position_s * (1 + parts_per_million * 1e-6) * 1e9)
        clock.observe(position_s, true_ns)
        assert abs(clock.time_ns(position_s) - true_ns) <= BOUND_S * 1e9


def test_clock_without_an_observation_refuses_to_guess() -> None:
    with pytest.raises(RuntimeError, match="before the first observe"):
        SampleClock(BOUND_S).time_ns(0.0)
