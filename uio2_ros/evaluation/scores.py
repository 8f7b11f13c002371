"""How right an answer is: numbers that compare it with the truth. numpy and scipy only."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest, bootstrap

from uio2_ros.robot.answer import Cuboid, Detection, PointSet
from uio2_ros.robot.box import Box

_T = TypeVar("_T")
_ARTICLES = ("a", "an", "the")
CONFIDENCE = 0.95
RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A mean of `count` values with its 95 % confidence interval [low, high]; NaN of no values.

    Of a score that is called a median, `mean` is that.
    """

    mean: float
    low: float
    high: float
    count: int


def rate(successes: int, trials: int) -> Estimate:
    """The rate of successes, with Wilson's interval."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} cannot be successes")
    if not trials:
        return Estimate(math.nan, math.nan, math.nan, 0)
    found = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / trials, float(found.low), float(found.high), trials)


def mean(values: Sequence[float]) -> Estimate:
    """The mean of values, with a bootstrap interval."""
    return bootstrapped(np.mean, values)


def median(values: Sequence[float]) -> Estimate:
    """The median of values, with a bootstrap interval."""
    return bootstrapped(np.median, values)


def bootstrapped(
    statistic: Callable[..., Any], *columns: Sequence[float] | npt.NDArray[np.float64]
) -> Estimate:
    """A statistic of columns of equal length, whose rows are drawn together."""
    count = len(columns[0])
    if not count:
        return Estimate(math.nan, math.nan, math.nan, 0)
    middle = float(statistic(*columns))
    if all(np.ptp(values) == 0 for values in columns):
        return Estimate(middle, middle, middle, count)
    found = bootstrap(
        [np.asarray(values, np.float64) for values in columns],
        statistic,
        paired=len(columns) > 1,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="percentile",
        random_state=np.random.default_rng(0),  # equal values have equal intervals
    ).confidence_interval
    return Estimate(middle, float(found.low), float(found.high), count)


def box_overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]; 0 where either has no area."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    shared = max(width, 0.0) * max(height, 0.0)
    total = math.prod(one.size) + math.prod(other.size) - shared
    return shared / total if shared > 0 else 0.0


def mask_overlap(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """Intersection over union of the pixels that are not 0; 1 for two empty masks."""
    if one.shape != other.shape:
        raise ValueError(f"masks of shapes {one.shape} and {other.shape} cannot be compared")
    total = np.count_nonzero((one > 0) | (other > 0))
    return np.count_nonzero((one > 0) & (other > 0)) / total if total else 1.0


def pairs(
    found: Sequence[_T], truth: Sequence[_T], likeness: Callable[[_T, _T], float]
) -> list[tuple[int, int]]:
    """Which found one is which true one, so that the sum of their likeness is greatest.

    Pairs (index of found, index of truth) with a likeness of more than 0.
    """
    table = np.array([[likeness(one, other) for other in truth] for one in found])
    if not table.size:
        return []
    rows, columns = linear_sum_assignment(table, maximize=True)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if table[row, column] > 0
    ]


@dataclass(frozen=True)
class DetectionScore:
    """How many of the found and of the true boxes are right, each in [0, 1]."""

    precision: float
    recall: float
    overlap: float
    """Mean intersection over union of the true boxes, 0 for those not found."""
    right: tuple[bool, ...]
    """Of each found box, whether it is one of the true ones."""


def detection_score(
    found: Sequence[Detection], truth: Sequence[Detection], least_overlap: float = 0.5
) -> DetectionScore:
    """Compares boxes, each with at most one of the same label.

    Nothing found where nothing is there is right.
    """
    matched = pairs(found, truth, _detection_likeness)
    overlaps = [box_overlap(found[a].box, truth[b].box) for a, b in matched]
    matches = {
        a for (a, _), overlap in zip(matched, overlaps, strict=True) if overlap >= least_overlap
    }
    right = len(matches)
    return DetectionScore(
        precision=right / len(found) if found else float(not truth),
        recall=right / len(truth) if truth else 1.0,
        overlap=sum(overlaps) / len(truth) if truth else float(not found),
        right=tuple(number in matches for number in range(len(found))),
    )


def _detection_likeness(one: Detection, other: Detection) -> float:
    return box_overlap(one.box, other.box) if plain(one.label) == plain(other.label) else 0.0


@dataclass(frozen=True)
class CuboidErrors:
    """How far a 3D box is from the true one: centre (m), size (share of the true), turn (rad)."""

    center_m: float
    size: float
    rotation_rad: float


def cuboid_errors(found: Cuboid, truth: Cuboid) -> CuboidErrors:
    """The errors of a box. Rotations that leave the same box differ by what lies between them."""
    sizes = np.asarray(found.size), np.asarray(truth.size)
    product = abs(float(np.dot(found.quaternion_wxyz, truth.quaternion_wxyz)))
    lengths = math.hypot(*found.quaternion_wxyz) * math.hypot(*truth.quaternion_wxyz)
    return CuboidErrors(
        center_m=math.dist(found.center, truth.center),
        size=float(np.mean(np.abs(sizes[0] - sizes[1]) / sizes[1])),
        rotation_rad=2 * math.acos(min(1.0, product / lengths)),
    )


def cuboid_likeness(one: Cuboid, other: Cuboid) -> float:
    """For `pairs`: boxes of one label, the nearer the more alike."""
    if plain(one.label) != plain(other.label):
        return 0.0
    return 1 / (1 + math.dist(one.center, other.center))


def keypoint_errors(found: PointSet, truth: PointSet) -> tuple[float, ...]:
    """Pixels between each visible true point and the found one of its name, if there is one."""
    places = {point.name: point for point in found.points}
    return tuple(
        math.hypot(places[point.name].x - point.x, places[point.name].y - point.y)
        for point in truth.points
        if point.visible and point.name in places
    )


def same_answer(one: str, other: str) -> bool:
    """Whether two short answers say the same: case, punctuation and articles do not count."""
    return plain(one) == plain(other)


def plain(text: str) -> str:
    """A short answer without case, punctuation and articles."""
    words = text.lower().translate(str.maketrans("", "", string.punctuation)).split()
    return " ".join(word for word in words if word not in _ARTICLES)
