"""Chunks in time: what is dropped, and how overlapping ones are blended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.control import (
    Axes,
    Blend,
    BlendSettings,
    Chunk,
    ChunkBlender,
    Limiter,
    SpeedSettings,
)
from uio2_ros.robot.action_space import (
    ActionSpace,
    Axis,
    Dimension,
    DimensionKind,
    SpaceKind,
    load_action_spaces,
)

SPACES = load_action_spaces()


def axes(space: ActionSpace) -> Axes:
    return Axes.of(space, SpeedSettings())


JOINT, DRIVE = axes(SPACES["arm7"]), axes(SPACES["diff_drive"])


def chunk(begin_s: float, rows: list[list[float]], period_s: float = 0.1) -> Chunk:
    ends_s = begin_s + period_s * np.arange(1, len(rows) + 1)
    return Chunk(begin_s, begin_s, ends_s, np.array(rows))


def arm(first: float, *others: float, begin_s: float = 0.0) -> Chunk:
    """Steps in which joint 1 has these values."""
    return chunk(begin_s, [[value, *[0.0] * 7] for value in (first, *others)])


def at(some: Chunk | ChunkBlender, time_s: float, *axes_of: Axes) -> list[float]:
    """What is said of a moment."""
    return some.over(time_s - 1e-9, time_s, *axes_of).tolist()  # type: ignore[call-arg]


def test_steps_are_over_at_their_times() -> None:
    three = arm(1.0, 2.0, 3.0, begin_s=10.0)
    moments = (9.0, 10.05, 10.11, 10.21, 10.31)
    assert [three.passed(time_s) for time_s in moments] == [0, 0, 1, 2, 3]


def test_positions_move_straight_from_step_to_step_and_stay_at_the_last() -> None:
    start = np.array([0.5, *[0.0] * 7])
    two = replace(arm(1.0, 2.0), start=start)
    moments = (-1.0, 0.0, 0.05, 0.1, 0.15, 0.2, 5.0)
    found = [at(two, time_s, JOINT)[0] for time_s in moments]
    assert found == pytest.approx([0.5, 0.5, 0.75, 1.0, 1.5, 2.0, 2.0])


def test_position_that_begins_nowhere_is_the_first_at_once() -> None:
    assert at(arm(1.0, 2.0), 0.01, JOINT)[0] == pytest.approx(1.0)


def test_velocities_hold_until_the_end_of_their_step() -> None:
    two = chunk(0.0, [[0.2, 0.0], [0.4, 1.0]])
    found = [at(two, time_s, DRIVE) for time_s in (0.0, 0.05, 0.1, 0.11, 0.2, 0.21)]
    expected = [[0, 0], [0.2, 0], [0.2, 0], [0.4, 1], [0.4, 1], [0, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_period_that_sees_two_steps_has_the_mean_of_their_velocities() -> None:
    two = chunk(0.0, [[0.2, 0.0], [0.4, 1.0]])
    np.testing.assert_allclose(two.over(0.075, 0.125, DRIVE), [0.3, 0.5])


def test_levels_begin_with_their_step() -> None:
    delta = axes(SPACES["ee_delta"])
    two = Chunk(0.0, 1.0, np.array([1.2, 1.4]), np.array([[0.0] * 6 + [1.0], [0.0] * 7]))
    found = [at(two, time_s, delta)[6] for time_s in (0.5, 1.0, 1.1, 1.2, 1.3, 9.0)]
    np.testing.assert_equal(found, [np.nan, np.nan, 1.0, 1.0, 0.0, 0.0])


def test_crossfade_goes_from_the_old_chunk_to_the_new() -> None:
    blender = ChunkBlender(DRIVE, BlendSettings(Blend.CROSSFADE, duration_s=0.4))
    blender.add(chunk(0.0, [[0.0, 0.0]] * 20), 0.0)
    blender.add(chunk(1.0, [[0.4, 0.0]] * 20), 1.0)
    found = [at(blender, time_s)[0] for time_s in (1.0, 1.1, 1.2, 1.4, 1.9)]
    assert found == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.4])


def test_ensemble_counts_chunks_by_age_as_act_does() -> None:
    blender = ChunkBlender(DRIVE, BlendSettings(Blend.ENSEMBLE, decay=1.0))
    blender.add(chunk(0.0, [[0.0, 0.0]] * 20), 0.0)
    blender.add(chunk(0.1, [[0.4, 0.0]] * 20), 0.1)
    older, newer = np.exp([0.0, -1.0])
    assert at(blender, 0.5)[0] == pytest.approx(0.4 * newer / (older + newer))


def test_ensemble_leaves_out_chunks_that_are_over() -> None:
    blender = ChunkBlender(DRIVE, BlendSettings(Blend.ENSEMBLE))
    blender.add(chunk(0.0, [[0.0, 0.0]]), 0.0)
    blender.add(chunk(0.1, [[0.4, 0.0]] * 5), 0.1)
    assert at(blender, 0.2)[0] == pytest.approx(0.4)


def test_without_blending_the_newest_chunk_counts_alone() -> None:
    blender = ChunkBlender(DRIVE, BlendSettings(Blend.NONE))
    blender.add(chunk(0.0, [[0.0, 0.0]] * 20), 0.0)
    blender.add(chunk(0.1, [[0.4, 0.0]] * 20), 0.1)
    assert at(blender, 0.15)[0] == pytest.approx(0.4)


def test_levels_are_never_mixed() -> None:
    delta = axes(SPACES["ee_delta"])
    blender = ChunkBlender(delta, BlendSettings(Blend.CROSSFADE, duration_s=1.0))
    for begin_s, grip in ((0.0, 0.0), (0.1, 1.0)):
        blender.add(chunk(begin_s, [[0.0] * 6 + [grip]] * 9, 0.2), begin_s)
    assert at(blender, 0.2)[6] == 1.0


def turning(low: float, high: float) -> Axes:
    """An absolute orientation about z."""
    yaw = Dimension("yaw", DimensionKind.ROTATION, "rad", low, high, Axis.Z)
    return axes(ActionSpace("turn", SpaceKind.CONTINUOUS, "", "base_link", (yaw,), rate_hz=10.0))


FULL_TURN = turning(-np.pi, np.pi)
WEST = [[3.1], [-3.1]]
"""Almost the same direction, left and right of pi."""


def off_west(angle: float) -> float:
    return abs(float(np.remainder(angle, 2 * np.pi)) - np.pi)


@pytest.mark.parametrize("mode", [Blend.CROSSFADE, Blend.ENSEMBLE])
def test_orientations_are_blended_along_the_shorter_way(mode: Blend) -> None:
    blender = ChunkBlender(FULL_TURN, BlendSettings(mode, duration_s=0.4))
    blender.add(chunk(0.0, [WEST[0]] * 9), 0.0)
    blender.add(chunk(0.0, [WEST[1]] * 9), 0.0)
    assert [off_west(at(blender, time_s)[0]) < 0.05 for time_s in (0.1, 0.2, 0.3, 0.5)] == [
        True
    ] * 4


def test_orientations_move_from_step_to_step_along_the_shorter_way() -> None:
    assert off_west(at(chunk(0.0, WEST), 0.15, FULL_TURN)[0]) == pytest.approx(0.0, abs=1e-6)


def test_orientations_are_followed_along_the_shorter_way() -> None:
    limiter = Limiter(FULL_TURN, np.array(WEST[0]), 0.05)
    values = [float(limiter.follow(np.array(WEST[1]))[0]) for _ in range(60)]
    assert max(map(off_west, values)) < 0.05
    assert np.cos(values[-1] - WEST[1][0]) == pytest.approx(1.0, abs=1e-6)


def test_orientations_with_a_range_stay_in_it() -> None:
    limited = turning(-3.13, 3.13)
    assert at(chunk(0.0, WEST), 0.15, limited)[0] == pytest.approx(0.0)


@pytest.mark.parametrize("ends_s", [[0.0, 1.0], [-0.1, 0.0], [0.5, 0.5]])
def test_times_that_do_not_rise_are_refused(ends_s: list[float]) -> None:
    with pytest.raises(ValueError, match="do not rise"):
        Chunk(0.0, 0.0, np.array(ends_s), np.zeros((2, 2)))


@st.composite
def chunks(draw: st.DrawFn) -> list[Chunk]:
    """Up to five chunks of diff_drive, each a little later than the one before."""
    begins_s = np.cumsum(draw(st.lists(st.floats(0.0, 0.7), min_size=1, max_size=5)))
    speeds = st.tuples(st.floats(-0.5, 0.5), st.floats(-1.5, 1.5)).map(list)
    return [
        chunk(float(begin_s), draw(st.lists(speeds, min_size=1, max_size=8)))
        for begin_s in begins_s
    ]


@given(chunks(), st.sampled_from(Blend), st.floats(0.0, 1.0), st.floats(0.0, 4.0))
def test_blend_is_never_outside_the_range(
    given_chunks: list[Chunk], mode: Blend, duration_s: float, time_s: float
) -> None:
    blender = ChunkBlender(DRIVE, BlendSettings(mode, duration_s, decay=0.5))
    for item in given_chunks:
        blender.add(item, item.origin_s)
        value = np.array(at(blender, time_s))
        assert (value >= DRIVE.low - 1e-9).all()
        assert (value <= DRIVE.high + 1e-9).all()
