"""The published metrics, by cases that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from uio2_ros.decoding.keypoints import COCO_17
from uio2_ros.evaluation import benchmark_metrics as metrics
from uio2_ros.evaluation.corpus_metrics import average_precision, cider
from uio2_ros.robot.answer import Detection, Point, PointSet
from uio2_ros.robot.box import Box


def square(x: float, y: float, size: float, label: str = "a", score: float = 1.0) -> Detection:
    return Detection(Box(x, y, x + size, y + size), label, score)


@pytest.mark.parametrize(
    ("said", "compared"),
    [
        ("The Dog.", "dog"),
        ("two  dogs", "2 dogs"),
        ("none", "0"),
        ("dont know", "don't know"),
        ("couldn'tve", "couldn't've"),
        ("yes, sir", "yes sir"),
        ("1,000", "1000"),
        ("3.5", "3.5"),
        ("black/white", "black white"),
        ("a\tbig\nan hour", "big hour"),
    ],
)
def test_answers_are_compared_as_vqa_does(said: str, compared: str) -> None:
    assert metrics.vqa_words(said) == compared


def test_three_people_who_agree_are_enough() -> None:
    people = ["red"] * 2 + ["dark red"] * 7 + ["Maroon"]
    assert metrics.vqa_score("red", people) == pytest.approx(2 / 3)
    assert metrics.vqa_score("the dark red", people) == 1
    assert metrics.vqa_score("blue", people) == 0
    assert metrics.vqa_score("A cup", ["cup"]) == 1


def test_an_exact_match_forgives_capitals_only() -> None:
    assert metrics.exact_match("Red Mug ", ["blue mug", "red mug"]) == 1
    assert metrics.exact_match("the red mug", ["red mug"]) == 0


def test_boxes_found_and_missed_both_count() -> None:
    one, other = square(0, 0, 10), square(50, 50, 10)
    assert metrics.localization([one, other], [one, other]) == 1
    assert metrics.localization([one], [one, other]) == pytest.approx(0.5)
    assert metrics.localization([one, square(90, 0, 9)], [one]) == pytest.approx(0.5)
    assert metrics.localization([square(5, 0, 10)], [one]) == pytest.approx(1 / 3)
    assert metrics.localization([], []) == 1
    assert metrics.localization([one], []) == 0


def test_masks_are_compared_along_their_rims() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[20:80, 20:80] = 255
    hole = mask.copy()
    hole[40:60, 40:60] = 0
    assert metrics.segmentation([mask], [mask]) == 1
    # rims are 3 pixels thick: that of the square, and that around the hole, outside of it
    outer, inner = 60**2 - 54**2, 26**2 - 20**2
    assert metrics.segmentation([hole], [mask]) == pytest.approx(outer / (outer + inner))
    assert metrics.segmentation([], [mask]) == 0
    everything = np.full((100, 100), 255, np.uint8)
    assert metrics.segmentation([everything], [everything]) == 1  # the border is a rim


def person(moved: float = 0.0, joints: int = 17, of: str = "person") -> PointSet:
    points = [Point(name, 10.0 * n + moved, 20.0 * (n % 5)) for n, name in enumerate(COCO_17)]
    return PointSet(of, None, tuple(points[:joints]))


def test_joints_are_as_alike_as_people_place_them() -> None:
    truth = person()
    area = 160.0 * 80.0
    assert metrics.joint_likeness(person(), truth) == 1
    nose_only = PointSet("person", None, truth.points[:1])
    moved = metrics.joint_likeness(person(2.0), nose_only)
    assert moved == pytest.approx(math.exp(-4 / (2 * 0.052**2 * 1.0)))  # a point has size 1
    expected = np.mean([math.exp(-4 / (2 * (2 * s / 1000) ** 2 * area)) for s in _sigmas()])
    assert metrics.joint_likeness(person(2.0), truth) == pytest.approx(expected)
    assert metrics.joint_likeness(person(joints=0), truth) == 0
    assert metrics.keypoints([person()], [truth, truth]) == pytest.approx(0.5)


def _sigmas() -> list[int]:
    return list(metrics.OKS_SIGMAS.values())


def test_depth_is_compared_where_it_is_known() -> None:
    truth = np.array([[1.0, 2.0], [0.0, np.nan]])
    assert metrics.depth_rmse(truth + 0.5, truth) == pytest.approx(0.5)
    assert metrics.depth_rmse(np.full((4, 4), 1.5), truth) == pytest.approx(0.5)
    assert math.isnan(metrics.depth_rmse(truth, np.zeros((2, 2))))


def test_normals_are_compared_after_the_best_rotation_of_all() -> None:
    rng = np.random.default_rng(3)
    # a few flat surfaces: noise alone would be all edges
    faces = rng.normal(size=(4, 3))
    faces[:, 2] = -np.abs(faces[:, 2]) - 1
    truth = np.repeat(np.repeat(faces.reshape(2, 2, 3), 20, 0), 20, 1)
    truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    scores = metrics.normals(truth @ turn.T, truth)
    assert scores["within 11.25 deg"] == 1
    assert scores["angle (deg)"] == pytest.approx(0, abs=1e-3)
    noisy = truth + rng.normal(size=truth.shape)
    assert metrics.normals(noisy, truth)["within 11.25 deg"] < 0.5
    assert metrics.normals(truth, np.full_like(truth, np.nan)) == {"within 11.25 deg": 1.0}


def test_normals_at_edges_are_not_compared() -> None:
    truth = np.zeros((4, 6, 3))
    truth[:, :3] = 0, 0, -1
    truth[:, 3:] = 1, 0, 0
    assert len(metrics.normal_errors_deg(truth, truth)) == 4 * 4


def test_average_precision_is_cocos() -> None:
    pytest.importorskip("pycocotools")
    truth = [[square(0, 0, 10), square(50, 50, 10, "b")], [square(0, 0, 10)]]
    assert average_precision(truth, truth)["AP"] == pytest.approx(1)
    shifted = [truth[0], [square(2, 0, 10, score=0.3)]]  # IoU 2 / 3
    scores = average_precision(shifted, truth)
    assert scores["AP50"] == pytest.approx(1)
    # of "a" one of two is right from IoU 0.7 on: 51 of 101 points of recall
    assert scores["AP75"] == pytest.approx((51 / 101 + 1) / 2)
    assert average_precision([[], []], truth) == {"AP": 0, "AP50": 0, "AP75": 0}
    assert math.isnan(average_precision([[]], [[]])["AP"])


def test_captions_score_as_cider_of_the_coco_evaluation() -> None:
    """Numbers of pycocoevalcap 1.2 for the same words."""
    references = [
        ["a red mug stands on a table", "a mug on the table", "the red cup is on the table"],
        ["two dogs run in the snow", "dogs are running through snow"],
        ["a man rides a horse", "a person riding a horse on a beach", "man on horse"],
        ["a kitchen with a stove and a sink"],
    ]
    said = [
        "a red mug on a table",
        "two dogs in snow",
        "a man riding a horse on the beach beach beach",
        "a kitchen",
    ]
    expected = [2.93033986, 1.88874004, 1.563895, 1.29540227]
    assert cider(said, references) == pytest.approx(expected)
    assert cider([""] * 4, references) == [0] * 4
