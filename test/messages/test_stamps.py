"""Stamps and durations, and nanoseconds and seconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.messages.stamps import duration_message, nanoseconds_of, seconds_of, time_message


@given(nanoseconds=st.integers(-(2**31) * 10**9, (2**31 - 1) * 10**9))
def test_stamps_come_back_to_the_nanosecond(nanoseconds: int) -> None:
    message = time_message(nanoseconds)
    assert nanoseconds_of(message) == nanoseconds
    assert 0 <= message.nanosec < 10**9


def test_durations_are_the_nearest_nanosecond() -> None:
    assert nanoseconds_of(duration_message(1.5)) == 1_500_000_000
    assert duration_message(1.9999999999).sec == 2
    assert seconds_of(duration_message(-0.25)) == -0.25
