"""Numbers that compare answers with the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.evaluation.scores import (
    box_overlap,
    cuboid_errors,
    cuboid_likeness,
    detection_score,
    keypoint_errors,
    mask_overlap,
    mean,
    median,
    pairs,
    rate,
    same_answer,
)
from uio2_ros.robot.answer import Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box

LEFT, RIGHT = Box(0, 0, 10, 10), Box(20, 0, 30, 10)
HALF_OVER_LEFT = Box(5, 0, 15, 10)


def corners() -> st.SearchStrategy[Box]:
    number = st.floats(0, 100, width=32)
    return st.builds(
        lambda x, y, w, h: Box(x, y, x + w, y + h),
        number,
        number,
        st.floats(1, 50, width=32),
        st.floats(1, 50, width=32),
    )


def cuboid(x: float = 0.0, label: str = "cup", turn: float = 0.0, size: float = 0.1) -> Cuboid:
    quaternion = (math.cos(turn / 2), 0.0, 0.0, math.sin(turn / 2))
    return Cuboid(label, (x, 0.0, 1.0), (size, 0.1, 0.1), quaternion)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (LEFT, LEFT, 1.0),
        (LEFT, RIGHT, 0.0),
        (LEFT, HALF_OVER_LEFT, 1 / 3),
        (LEFT, Box(5, 5, 5, 5), 0),
    ],
)
def test_overlap_is_the_shared_part_of_both(one: Box, other: Box, expected: float) -> None:
    assert box_overlap(one, other) == pytest.approx(expected)


@given(corners(), corners())
def test_overlap_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    assert 0 <= box_overlap(one, other) <= 1
    assert box_overlap(one, other) == pytest.approx(box_overlap(other, one))


def test_masks_overlap_by_pixels() -> None:
    one, other = np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8)
    one[:, :2], other[:, 1:3] = 255, 1
    assert mask_overlap(one, other) == pytest.approx(1 / 3)
    assert mask_overlap(one * 0, other * 0) == 1.0


def test_masks_of_different_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        mask_overlap(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


def test_pairs_are_the_best_of_all_not_the_first() -> None:
    likeness = {("a", "x"): 0.9, ("a", "y"): 0.8, ("b", "x"): 0.7, ("b", "y"): 0.0}
    assert pairs(["a", "b"], ["x", "y"], lambda a, b: likeness[a, b]) == [(0, 1), (1, 0)]


def test_boxes_of_another_label_are_not_right() -> None:
    found = [Detection(LEFT, "cup"), Detection(RIGHT, "spoon")]
    score = detection_score(found, [Detection(LEFT, "Cup"), Detection(RIGHT, "fork")])
    assert (score.precision, score.recall, score.overlap) == (0.5, 0.5, 0.5)


def test_two_boxes_around_one_thing_are_one_too_many() -> None:
    score = detection_score([Detection(LEFT, "a"), Detection(LEFT, "a")], [Detection(LEFT, "a")])
    assert (score.precision, score.recall) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [(0, 0, (1.0, 1.0, 1.0)), (1, 0, (0.0, 1.0, 0.0)), (0, 1, (0.0, 0.0, 0.0))],
)
def test_nothing_is_right_where_nothing_is(
    found: int, truth: int, expected: tuple[float, float, float]
) -> None:
    one = Detection(LEFT, "a")
    score = detection_score([one] * found, [one] * truth)
    assert (score.precision, score.recall, score.overlap) == expected


def test_errors_of_a_3d_box_are_metres_share_and_radians() -> None:
    errors = cuboid_errors(cuboid(0.3, turn=0.5, size=0.2), cuboid())
    assert errors.center_m == pytest.approx(0.3)
    assert errors.size == pytest.approx(1 / 3)
    assert errors.rotation_rad == pytest.approx(0.5)


def test_a_quaternion_and_its_negative_are_one_rotation() -> None:
    turned = cuboid(turn=1.0)
    negative = Cuboid("cup", turned.center, turned.size, tuple(-q for q in turned.quaternion_wxyz))
    assert cuboid_errors(negative, turned).rotation_rad == pytest.approx(0, abs=1e-6)


def test_3d_boxes_are_matched_by_label_and_distance() -> None:
    found = [cuboid(1.0), cuboid(0.1), cuboid(0.0, "fork")]
    assert pairs(found, [cuboid(0.0)], cuboid_likeness) == [(1, 0)]


def test_only_visible_points_that_were_found_count() -> None:
    truth = PointSet("mug", None, (Point("rim", 0, 0), Point("handle", 9, 9, visible=False)))
    found = PointSet("mug", None, (Point("rim", 3, 4), Point("handle", 0, 0), Point("base", 1, 1)))
    assert keypoint_errors(found, truth) == (5.0,)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("The red cube.", "red cube", True), ("2", "two", False), ("yes", "Yes", True)],
)
def test_short_answers_say_the_same(one: str, other: str, expected: bool) -> None:
    assert same_answer(one, other) is expected


def test_a_rate_has_an_interval_that_holds_it_even_at_its_ends() -> None:
    for successes in (0, 5, 10):
        found = rate(successes, 10)
        assert 0 <= found.low <= found.mean <= found.high <= 1
    assert rate(10, 10).low == pytest.approx(0.7225, abs=1e-3)  # Wilson


def test_a_mean_has_an_interval_that_is_the_same_each_time() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, 200)
    found = mean(values.tolist())
    assert found == mean(values.tolist())
    assert found.low < found.mean < found.high
    assert found.high - found.low == pytest.approx(4 / math.sqrt(200), rel=0.15)


def test_one_miss_moves_the_mean_and_not_the_median() -> None:
    values = [1.0] * 20 + [2.0] * 20 + [500.0]
    found = median(values)
    assert found == median(values)
    assert found.low <= found.mean == 2.0 <= found.high < 10 < mean(values).mean


def test_nothing_has_no_mean() -> None:
    assert math.isnan(mean([]).mean)
    assert math.isnan(rate(0, 0).mean)


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="2 of 1"):
        rate(2, 1)
