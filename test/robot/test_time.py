"""Seconds, nanoseconds and samples."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.robot.time import joined, samples_ns, split, to_ns, to_s


@settings(deadline=None)
@given(st.integers(-(2**62), 2**62))
def test_a_stamp_in_two_numbers_is_the_same_stamp(stamp_ns: int) -> None:
    seconds, rest = split(stamp_ns)
    assert 0 <= rest < 10**9
    assert joined(seconds, rest) == stamp_ns


@settings(deadline=None)
@given(st.integers(0, 10**15), st.sampled_from([16_000, 44_100]))
def test_samples_last_whole_nanoseconds(count: int, rate_hz: int) -> None:
    assert to_s(samples_ns(count, rate_hz)) == pytest.approx(count / rate_hz, abs=2e-9)


def test_what_is_not_finite_is_no_time() -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_ns(float("nan"))
