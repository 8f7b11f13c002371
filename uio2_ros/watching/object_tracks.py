"""Ids that stay with objects from answer to answer: norfair's tracker over boxes and centres.

Boxes are matched where a Kalman filter expects them or where they were last, by DIoU (Zheng et al.
2020, Distance-IoU loss), which tells near from far where boxes no longer overlap: at 2 Hz small
things move by more than their size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import norfair
import numpy as np
import numpy.typing as npt
from norfair.distances import Distance

from uio2_ros.robot.answer import Answer, Detection
from uio2_ros.robot.box import Box

Array = npt.NDArray[np.float64]

KEPT = 10
"""Answers for which an object that is not found is remembered."""
FARTHEST_DIOU = 2.5
"""Of a box from where it is expected; beyond 1 they do not overlap, and 2 is as far as can be. An
arm carries a cube across half the picture between two answers, so what is called the same may come
from anywhere: the nearest."""
FARTHEST_M = 0.3
"""Of a 3D box from where it is expected."""
PIXELS_OFF, PIXELS_FREE = 4.0, 1.0
"""Variances of the filter: of what is measured, and of how motion changes from answer to answer."""
OTHER_LABEL = 1.5
"""Added to the DIoU distance for the share of words that are others than in an object's last names,
so that what is called wholly otherwise must overlap to be the same; half of it for a red ball that
was a red mug."""
OTHER_LABEL_M = 0.2
"""The same of 3D boxes."""
YOUNG = 2.0
"""By how much farther an object counts that was found once, less from time to time until it is
grown up. Models now and then see a thing twice or what is not there: the next time it is the object
that has long been known, and not its double."""
GROWN_UP = 5
"""Times that an object was found until then; at most `NAMES`, as far as they are counted."""
NAMES = 10
"""Of the last names that an object had, each counts alike."""
DOUBLE_OVERLAP = 0.6
"""IoU from which boxes of one answer whose names share half of their words are of one object."""
DOUBLE_WORDS = 0.5
ARTICLES = frozenset({"a", "an", "the"})


class ObjectTracks:
    """Gives objects their ids. One thread at a time.

    Ids are numbers, unique in this process. Every object has one from its first answer on. Models
    waver between names, so an object may be called otherwise if it is where it was, and by a name
    that shares words with its last ones if it is not far from there. What a model sees twice in one
    answer has one id twice.
    """

    def __init__(self) -> None:
        self._boxes = _tracker(_Unlikeness(diou_distances, FARTHEST_DIOU, OTHER_LABEL, YOUNG))
        self._cuboids = _tracker(_Unlikeness(centre_distances, FARTHEST_M, OTHER_LABEL_M, 0.0))

    def followed(self, answer: Answer) -> Answer:
        """The answer with the ids of its detections and 3D boxes; an answer without any counts,
        too: it tells that the objects were not found."""
        firsts = _firsts(answer.detections)
        own = list(dict.fromkeys(firsts))
        singles = [answer.detections[number] for number in own]
        corners = [(found.label, _corners(found.box)) for found in singles]
        centres = [(found.label, np.array([found.center])) for found in answer.cuboids]
        of_first = dict(zip(own, _ids(self._boxes, corners), strict=True))
        boxes, cuboids = [of_first[first] for first in firsts], _ids(self._cuboids, centres)
        return replace(
            answer,
            detections=tuple(
                replace(found, track=track)
                for found, track in zip(answer.detections, boxes, strict=True)
            ),
            cuboids=tuple(
                replace(cuboid, track=track)
                for cuboid, track in zip(answer.cuboids, cuboids, strict=True)
            ),
        )


def diou_distances(candidates: Array, tracked: Array) -> Array:
    """(N, M) 1 - DIoU of boxes (N, 4) and (M, 4), x1 y1 x2 y2: 0 for equal ones, below 2."""
    one, other = candidates[:, None, :], tracked[None, :, :]
    between = (one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]) / 2
    around_low = np.minimum(one[..., :2], other[..., :2])
    around_high = np.maximum(one[..., 2:], other[..., 2:])
    diagonal = np.square(around_high - around_low).sum(-1)
    distances: Array = 1 - _overlaps(candidates, tracked)
    distances += np.square(between).sum(-1) / np.maximum(diagonal, 1e-9)
    return distances


def _overlaps(candidates: Array, tracked: Array) -> Array:
    """(N, M) IoU of boxes (N, 4) and (M, 4)."""
    one, other = candidates[:, None, :], tracked[None, :, :]
    low, high = np.maximum(one[..., :2], other[..., :2]), np.minimum(one[..., 2:], other[..., 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    overlaps: Array = common / np.maximum(_areas(one) + _areas(other) - common, 1e-9)
    return overlaps


def centre_distances(candidates: Array, tracked: Array) -> Array:
    """(N, M) metres between points (N, 3) and (M, 3)."""
    distances: Array = np.linalg.norm(candidates[:, None, :] - tracked[None, :, :], axis=-1)
    return distances


def _areas(boxes: Array) -> Array:
    areas: Array = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(-1)
    return areas


class _Unlikeness(Distance):
    """How far what is found is from what is known, whether it is called the same, and how often
    the known one was found."""

    def __init__(
        self,
        distances: Callable[[Array, Array], Array],
        farthest: float,
        other_label: float,
        young: float,
    ) -> None:
        self._distances = distances
        self._farthest, self._other_label, self._young = farthest, other_label, young
        self._names: WeakKeyDictionary[Any, deque[str]] = WeakKeyDictionary()

    def remember(self, tracked: Any, name: str) -> None:
        """What an object was called now."""
        self._names.setdefault(tracked, deque(maxlen=NAMES)).append(name)

    def get_distances(self, objects: Sequence[Any], candidates: Sequence[Any] | None) -> Array:
        """(candidates, objects)."""
        if not objects or not candidates:
            return np.empty((len(candidates or ()), len(objects)))
        found = np.stack([one.points.ravel() for one in candidates])
        expected = np.stack([one.estimate.ravel() for one in objects])
        last = np.stack([one.last_detection.points.ravel() for one in objects])
        near = np.minimum(self._distances(found, expected), self._distances(found, last))
        known_names = [self._names[one] for one in objects]
        differ = [[_difference(one.data[1], names) for names in known_names] for one in candidates]
        unlike: Array = near + self._other_label * np.array(differ)
        young = [max(0.0, 1 - (len(names) - 1) / (GROWN_UP - 1)) for names in known_names]
        return np.where(unlike < self._farthest, unlike + self._young * np.array(young), np.inf)


def _difference(name: str, known: Collection[str]) -> float:
    """The share of words, 0 to 1, in which a name differs from known ones, on average."""
    return float(np.mean([_other_words(_words(name), _words(other)) for other in known]))


def _other_words(one: frozenset[str], other: frozenset[str]) -> float:
    return 0.0 if one == other else 1 - len(one & other) / max(len(one), len(other))


def _words(name: str) -> frozenset[str]:
    return frozenset(name.lower().split()) - ARTICLES


def _tracker(unlikeness: _Unlikeness) -> norfair.Tracker:
    tracker = norfair.Tracker(
        "euclidean",
        distance_threshold=np.inf,
        hit_counter_max=KEPT,
        initialization_delay=0,
        past_detections_length=0,
        filter_factory=norfair.OptimizedKalmanFilterFactory(R=PIXELS_OFF, Q=PIXELS_FREE),
    )
    tracker.distance_function = unlikeness
    return tracker


def _firsts(detections: Sequence[Detection]) -> list[int]:
    """For each box the number of the first one of the same object: mostly its own."""
    firsts: list[int] = []
    for number, found in enumerate(detections):
        earlier = dict.fromkeys(firsts)
        doubled = (first for first in earlier if _is_double(found, detections[first]))
        firsts.append(next(doubled, number))
    return firsts


def _is_double(one: Detection, other: Detection) -> bool:
    overlap = _overlaps(_corners(one.box).reshape(1, 4), _corners(other.box).reshape(1, 4))
    words = _other_words(_words(one.label), _words(other.label))
    return words <= DOUBLE_WORDS and float(overlap[0, 0]) >= DOUBLE_OVERLAP


def _corners(box: Box) -> Array:
    return np.array([[box.x1, box.y1], [box.x2, box.y2]])


def _ids(tracker: norfair.Tracker, found: Sequence[tuple[str, Array]]) -> list[str]:
    """The ids of what was found, labels and places, in its order."""
    detections = [
        norfair.Detection(place, data=(number, label))
        for number, (label, place) in enumerate(found)
    ]
    unlikeness = tracker.distance_function
    assert isinstance(unlikeness, _Unlikeness)
    ids = [""] * len(detections)
    for tracked in tracker.update(detections):
        if tracked.last_detection.age == tracked.age:
            number, label = tracked.last_detection.data
            ids[number] = str(tracked.global_id)
            unlikeness.remember(tracked, label)
            tracked.hit_counter = KEPT
    return ids
