"""Holding a simulator to the clock, without waiting."""

from __future__ import annotations

import pytest

from uio2_ros.robot.time import NS_PER_S
from uio2_ros.sim.pacing import Pace

START_NS = 1_000 * NS_PER_S


class FakeClock:
    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS_PER_S)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize("rate", [0.5, 1.0, 4.0])
def test_a_moment_is_due_at_the_rate(clock: FakeClock, rate: float) -> None:
    pace = Pace(rate, follows_clock=rate == 1, clock=clock)
    assert pace.lead_s(NS_PER_S // 10) == pytest.approx(0.1 / rate)
    clock.pass_s(0.1 / rate)
    assert pace.lead_s(NS_PER_S // 10) == pytest.approx(0.0)


def test_small_delays_are_made_up_for_and_do_not_add_up(clock: FakeClock) -> None:
    pace = Pace(1.0, follows_clock=True, clock=clock)
    for number in range(1, 1001):
        lead_s = pace.lead_s(number * NS_PER_S // 25)
        clock.pass_s(max(lead_s, 0.0) + 0.003)  # always late
    assert clock.now_ns - START_NS == pytest.approx(40 * NS_PER_S, abs=5_000_000)
    assert pace.skipped_ns == 0


def test_as_fast_as_it_goes_nothing_is_waited_for(clock: FakeClock) -> None:
    assert Pace(0.0, follows_clock=False, clock=clock).lead_s(3600 * NS_PER_S) == 0.0


def test_what_cannot_be_made_up_for_is_skipped_in_stamps_that_follow_the_clock(
    clock: FakeClock,
) -> None:
    pace = Pace(1.0, follows_clock=True, clock=clock)
    clock.pass_s(5.0)
    assert pace.lead_s(NS_PER_S) == 0.0
    assert pace.skipped_ns == 4 * NS_PER_S
    assert pace.stamp_ns(NS_PER_S) == clock.now_ns
    assert pace.lead_s(2 * NS_PER_S) == pytest.approx(0.2, abs=0.81)


def test_stamps_that_do_not_follow_the_clock_count_the_scene_only(clock: FakeClock) -> None:
    pace = Pace(4.0, follows_clock=False, clock=clock)
    clock.pass_s(5.0)
    pace.pause(NS_PER_S)
    assert pace.stamp_ns(NS_PER_S) == START_NS + NS_PER_S


def test_a_clock_that_is_set_back_does_not_stop_the_scene_nor_set_stamps_back(
    clock: FakeClock,
) -> None:
    pace = Pace(1.0, follows_clock=True, clock=clock)
    clock.pass_s(-3600.0)
    assert pace.lead_s(NS_PER_S) == 0.0
    assert pace.stamp_ns(NS_PER_S) == START_NS + NS_PER_S


def test_the_real_time_factor_is_that_of_late(clock: FakeClock) -> None:
    pace = Pace(1.0, follows_clock=True, clock=clock)
    for number in range(1, 101):
        clock.pass_s(0.1)
        pace.tick(number * NS_PER_S // 20)
    assert pace.real_time_factor == pytest.approx(0.5)
