"""Boxes in generated tokens, and non-maximum suppression. numpy only.

Coordinates are fractions of the padded square picture the model saw, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uio2_ros.decoding.reading import LocationRun, LocationToken, confidence, read_runs
from uio2_ros.decoding.vocabulary import Vocabulary

CORNERS = 4  # y1 x1 y2 x2


@dataclass(frozen=True)
class LocatedBox:
    """A box as the model wrote it; corners may come in any order."""

    y1: float
    x1: float
    y2: float
    x2: float
    label: str = ""
    score: float = 1.0

    @property
    def yxyx(self) -> tuple[float, float, float, float]:
        return self.y1, self.x1, self.y2, self.x2


def parse_boxes(
    vocabulary: Vocabulary, tokens: Sequence[int], probabilities: Sequence[float] | None = None
) -> tuple[LocatedBox, ...]:
    """Every box in the tokens, in order.

    Each four location tokens in a row are a box; text that follows labels the last of them. Rows
    whose length is no multiple of four are not boxes and are passed over.
    """
    return tuple(
        box for run in read_runs(vocabulary, tokens, probabilities) for box in boxes_of_run(run)
    )


def boxes_of_run(run: LocationRun) -> tuple[LocatedBox, ...]:
    """The boxes of one row of locations; none where its length is no multiple of four."""
    if len(run.places) % CORNERS:
        return ()
    groups = [run.places[i : i + CORNERS] for i in range(0, len(run.places), CORNERS)]
    unlabelled = tuple(_box(group, "") for group in groups[:-1])
    return unlabelled + tuple(_box(group, run.text) for group in groups[-1:])


def _box(places: Sequence[LocationToken], label: str) -> LocatedBox:
    y1, x1, y2, x2 = (place.value for place in places)
    return LocatedBox(y1, x1, y2, x2, label, confidence(places))


def suppress_repeats(boxes: Sequence[LocatedBox], overlap: float) -> tuple[LocatedBox, ...]:
    """Drop each box whose intersection over union with an earlier kept one exceeds `overlap`."""
    kept: list[LocatedBox] = []
    for box in boxes:
        if all(intersection_over_union(box, earlier) <= overlap for earlier in kept):
            kept.append(box)
    return tuple(kept)


def intersection_over_union(a: LocatedBox, b: LocatedBox) -> float:
    """Shared area over total area, in [0, 1]; 0 for boxes without area, unless they are equal."""
    ay1, ax1, ay2, ax2 = _ordered(a)
    by1, bx1, by2, bx2 = _ordered(b)
    if (ay1, ax1, ay2, ax2) == (by1, bx1, by2, bx2):
        return 1.0
    height, width = min(ay2, by2) - max(ay1, by1), min(ax2, bx2) - max(ax1, bx1)
    shared = max(height, 0.0) * max(width, 0.0)
    union = (ay2 - ay1) * (ax2 - ax1) + (by2 - by1) * (bx2 - bx1) - shared
    return shared / union if union > 0 else 0.0


def _ordered(box: LocatedBox) -> tuple[float, float, float, float]:
    return (
        min(box.y1, box.y2),
        min(box.x1, box.x2),
        max(box.y1, box.y2),
        max(box.x1, box.x2),
    )
