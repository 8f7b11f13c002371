import json
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.decoding import LocatedBox, parse_boxes, suppress_repeats
from uio2_ros.decoding.boxes import intersection_over_union

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tasks.json").read_text())


def test_released_detection_text_gives_the_released_boxes(tokenizer):
    wanted = GOLDEN["detection"]
    boxes = parse_boxes(tokenizer, tokenizer.encode(wanted["text"]))
    assert np.allclose([box.yxyx for box in boxes], wanted["boxes_yxyx_normalized"])
    assert [box.label for box in boxes] == [label.strip() for label in wanted["labels"]]


def test_a_box_is_four_locations_in_the_order_y1_x1_y2_x2(words, boxes_text):
    (box,) = parse_boxes(words, boxes_text(0.0, 1 / 19, 2 / 19, 1.0, "red cup"))
    assert box.yxyx == pytest.approx((0.0, 1 / 19, 2 / 19, 1.0))
    assert box.label == "red cup"


def test_boxes_without_text_between_them_are_told_apart(words, boxes_text):
    boxes = parse_boxes(words, boxes_text(*[0.0] * 4, *[1.0] * 4, "cup"))
    assert [box.label for box in boxes] == ["", "cup"]


def test_rows_of_other_lengths_are_no_boxes(words, boxes_text):
    assert parse_boxes(words, boxes_text(0.0, 0.0, 0.0, "cup", *[0.0] * 5, "red")) == ()


def test_the_score_is_that_of_the_locations_alone(words, boxes_text):
    tokens = boxes_text(0.0, 0.0, 1.0, 1.0, "cup")
    (box,) = parse_boxes(words, tokens, [0.5, 0.5, 0.5, 0.5, 0.001])
    assert box.score == pytest.approx(0.5)


def test_overlap_of_half_shifted_squares_is_a_third():
    a, b = LocatedBox(0, 0, 1, 1), LocatedBox(0, 0.5, 1, 1.5)
    assert intersection_over_union(a, b) == pytest.approx(1 / 3)


def test_overlap_does_not_depend_on_the_order_of_corners():
    assert intersection_over_union(LocatedBox(1, 1, 0, 0), LocatedBox(0, 0, 1, 1)) == 1.0


def test_boxes_without_area_overlap_only_their_equals():
    point = LocatedBox(0.5, 0.5, 0.5, 0.5)
    assert intersection_over_union(point, point) == 1.0
    assert intersection_over_union(point, LocatedBox(0, 0, 0, 0)) == 0.0
    assert intersection_over_union(point, LocatedBox(0, 0, 1, 1)) == 0.0


def test_a_later_box_that_repeats_an_earlier_one_is_dropped():
    first = LocatedBox(0, 0, 1, 1, "cup", 0.1)
    again = LocatedBox(0, 0, 1, 0.9, "cup", 0.9)
    other = LocatedBox(0, 0, 1, 0.5, "cup", 0.9)
    assert suppress_repeats([first, again, other], 0.8) == (first, other)
    assert suppress_repeats([first, again, other], 0.95) == (first, again, other)


def test_boxes_that_overlap_exactly_as_much_as_allowed_are_kept():
    whole, half = LocatedBox(0, 0, 1, 1), LocatedBox(0, 0, 1, 0.5)
    assert suppress_repeats([whole, half], 0.5) == (whole, half)
    assert suppress_repeats([whole, half], 0.49) == (whole,)
