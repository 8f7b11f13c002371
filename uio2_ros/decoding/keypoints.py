"""Named keypoints in generated tokens. numpy only.

Coordinates are fractions of the padded square picture the model saw, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from uio2_ros.decoding.reading import LocationRun, confidence, read_runs
from uio2_ros.decoding.vocabulary import Vocabulary

COCO_17 = (
    "nose",
    "left eye",
    "right eye",
    "left ear",
    "right ear",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left wrist",
    "right wrist",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left ankle",
    "right ankle",
)
"""The human joints of COCO, in the order Unified-IO 2 was trained to name them."""


@dataclass(frozen=True)
class LocatedPoint:
    """A keypoint as the model wrote it."""

    name: str
    y: float
    x: float
    score: float = 1.0


def parse_keypoints(
    vocabulary: Vocabulary,
    tokens: Sequence[int],
    names: Sequence[str] = COCO_17,
    probabilities: Sequence[float] | None = None,
) -> tuple[LocatedPoint, ...]:
    """Every `y x name` in the tokens with one of the names; of a repeated name, the first.

    Points are called as in `names`, whatever case the model wrote.
    """
    known = {name.lower(): name for name in names}
    found: dict[str, LocatedPoint] = {}
    for run in read_runs(vocabulary, tokens, probabilities):
        point = point_of_run(run)
        if point is not None and point.name in known:
            named = replace(point, name=known[point.name])
            found.setdefault(named.name, named)
    return tuple(found.values())


def point_of_run(run: LocationRun) -> LocatedPoint | None:
    """The point that a run of two locations stands for, under any name; None for any other run.

    Points that the model names as `MISSING name` are none.
    """
    if len(run.places) != 2:
        return None
    y, x = run.places
    return LocatedPoint(run.located.lower(), y.value, x.value, confidence(run.places))
