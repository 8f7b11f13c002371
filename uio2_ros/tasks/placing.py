"""From what the model located in the picture it saw to pixels of the original. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

from uio2_ros.decoding import (
    LocatedBox,
    LocatedPoint,
    Vocabulary,
    parse_boxes,
    suppress_repeats,
)
from uio2_ros.robot.answer import Detection, Point
from uio2_ros.robot.box import Box
from uio2_ros.tasks.task import Reply


def detections(
    reply: Reply, vocabulary: Vocabulary, *, overlap: float | None = None
) -> tuple[Detection, ...]:
    """The boxes of a reply, in order; repeats that overlap more than `overlap` dropped."""
    boxes = parse_boxes(vocabulary, reply.tokens, reply.probabilities)
    if overlap is not None:
        boxes = suppress_repeats(boxes, overlap)
    return place_boxes(boxes, reply)


def within_picture(found: Sequence[Detection]) -> tuple[Detection, ...]:
    """Those that show something of the picture, not only of the padding around it."""
    return tuple(detection for detection in found if min(detection.box.size) > 0)


def place_boxes(boxes: Sequence[LocatedBox], reply: Reply) -> tuple[Detection, ...]:
    """Detections in pixels, corners put in order (x1 <= x2, y1 <= y2)."""
    if not boxes:
        return ()
    return tuple(
        Detection(Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), box.label, box.score)
        for box, (y1, x1, y2, x2) in zip(
            boxes, _pixels(reply, [box.yxyx for box in boxes]), strict=True
        )
    )


def place_points(points: Sequence[LocatedPoint], reply: Reply) -> tuple[Point, ...]:
    """Keypoints in pixels."""
    if not points:
        return ()
    return tuple(
        Point(point.name, x, y, point.score)
        for point, (y, x) in zip(
            points, _pixels(reply, [(point.y, point.x) for point in points]), strict=True
        )
    )


def _pixels(reply: Reply, values_yx: Sequence[Sequence[float]]) -> list[list[float]]:
    if reply.to_pixels is None:
        raise ValueError("locations need the picture they lie in, and the reply is about none")
    pixels: list[list[float]] = reply.to_pixels(values_yx).tolist()
    return pixels


def listed(found: Sequence[Detection]) -> str:
    """The labels of detections for people to read."""
    return ", ".join(detection.label or "unnamed" for detection in found) or "nothing found"
