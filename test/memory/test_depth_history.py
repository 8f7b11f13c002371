"""The depth that is nearest in time to a picture is kept from the moment it is asked about."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

from uio2_ros.memory.depth_history import DepthHistory, DepthPicture

MS = 1_000_000


def at(milliseconds: int) -> DepthPicture:
    return DepthPicture(milliseconds * MS, "camera", lambda: np.zeros((2, 2), np.float32))


def test_the_nearest_is_found_whether_it_came_before_or_comes_after() -> None:
    history = DepthHistory(kept=4)
    history.hear(at(70))
    wanted = history.want(100 * MS)
    assert wanted.offset_s == pytest.approx(-0.03)
    history.hear(at(110))
    history.hear(at(140))
    assert wanted.take() is not None
    assert wanted.offset_s == pytest.approx(0.01)


def test_what_is_wanted_stays_while_others_pass_through() -> None:
    history = DepthHistory(kept=2)
    wanted = history.want(100 * MS)
    for number in range(100, 2000, 33):
        history.hear(at(number))
    taken = wanted.take()
    assert taken is not None
    assert taken.stamp_ns == 100 * MS
    history.hear(at(100))
    assert wanted.nearest is taken


def test_without_any_depth_there_is_none() -> None:
    wanted = DepthHistory(kept=2).want(0)
    assert wanted.take() is None
    assert wanted.offset_s == math.inf


def test_what_nobody_waits_for_any_more_is_not_kept() -> None:
    history = DepthHistory(kept=1)
    history.want(0)
    gc.collect()
    assert not len(history._wanted)


def test_a_clock_that_jumped_back_clears_it() -> None:
    history = DepthHistory(kept=2)
    history.hear(at(100))
    history.clear()
    assert history.newest_stamp_ns() is None
    assert history.want(0).nearest is None
