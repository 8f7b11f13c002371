"""What an answer says of places in the picture, drawn there. numpy and OpenCV only."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from uio2_ros.robot.answer import Cuboid, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.viewing.cuboid_edges import projected_edges
from uio2_ros.viewing.pen import INK, Color, Pen, Pixels, color_of, tag
from uio2_ros.viewing.skeleton import SKELETON

MASK_TINT = 0.45
"""How much of a mask's colour is seen."""
FARTHEST_PIXEL = 30_000
"""OpenCV draws no line between points that are farther away."""


def draw_masks(canvas: Pixels, masks: Sequence[Picture], pen: Pen) -> None:
    """Each mask as a tint with an outline and its label. Their size may differ from the canvas."""
    for number, mask in enumerate(masks):
        pixels = _resized(np.asarray(mask.pixels, np.uint8), canvas)
        left, top, width, height = cv2.boundingRect(pixels)
        if not width:
            continue
        color = color_of(number)
        inside = pixels[top : top + height, left : left + width]
        area = canvas[top : top + height, left : left + width]
        tinted = cv2.addWeighted(area, 1 - MASK_TINT, np.full_like(area, color), MASK_TINT, 0.0)
        cv2.copyTo(tinted, inside, area)
        outlines, _ = cv2.findContours(
            inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top)
        )
        cv2.drawContours(canvas, outlines, -1, color, pen.line, cv2.LINE_AA)
        if mask.label:
            tag(canvas, _label(mask.label, mask.score), (left, top), color, pen)


def _resized(mask: Pixels, canvas: Pixels) -> Pixels:
    height, width = canvas.shape[:2]
    if mask.shape == (height, width):
        return mask
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def draw_detections(canvas: Pixels, detections: Sequence[Detection], pen: Pen) -> None:
    """Boxes with labels and scores; those that are followed with their ids and one colour each."""
    for number, found in enumerate(detections):
        label = f"{found.label} #{found.track}" if found.track else found.label
        color = color_of(int(found.track) if found.track.isdecimal() else number)
        draw_box(canvas, found.box, _label(label, found.score), color, pen)


def draw_box(canvas: Pixels, box: Box, label: str, color: Color, pen: Pen) -> None:
    """An outline, and the label if there is one."""
    start, end = pen.spot(box.x1, box.y1), pen.spot(box.x2, box.y2)
    cv2.rectangle(canvas, start, end, color, pen.line, cv2.LINE_AA)
    if label:
        tag(canvas, label, start, color, pen)


def draw_points(canvas: Pixels, sets: Sequence[PointSet], pen: Pen) -> None:
    """Dots, the bones between them, and the box of each set."""
    for number, points in enumerate(sets):
        _draw_set(canvas, points, color_of(number), pen)


def _draw_set(canvas: Pixels, points: PointSet, color: Color, pen: Pen) -> None:
    if points.box is not None:
        draw_box(canvas, points.box, points.label, color, pen)
    spots = {point.name: pen.spot(point.x, point.y) for point in points.points if point.visible}
    for start, end in SKELETON:
        if start in spots and end in spots:
            cv2.line(canvas, spots[start], spots[end], color, pen.line, cv2.LINE_AA)
    for point in points.points:
        _dot(canvas, point, color, pen)


def _dot(canvas: Pixels, point: Point, color: Color, pen: Pen) -> None:
    """A filled dot, hollow where the point is hidden."""
    spot = pen.spot(point.x, point.y)
    cv2.circle(canvas, spot, 2 * pen.line + 1, INK, cv2.FILLED, cv2.LINE_AA)
    fill = cv2.FILLED if point.visible else 1
    cv2.circle(canvas, spot, 2 * pen.line - 1, color, fill, cv2.LINE_AA)


def draw_cuboids(canvas: Pixels, cuboids: Sequence[Cuboid], camera: CameraModel, pen: Pen) -> None:
    """The twelve edges of each, as far as they lie before the camera, and its label."""
    for number, cuboid in enumerate(cuboids):
        ends = projected_edges(cuboid, camera) * pen.scale  # (N, 2, 2)
        ends = np.rint(np.clip(ends, -FARTHEST_PIXEL, FARTHEST_PIXEL)).astype(np.int32)
        if not len(ends):
            continue
        color = color_of(number)
        cv2.polylines(canvas, list(ends), False, color, pen.line, cv2.LINE_AA)
        corners = ends.reshape(-1, 2)
        x, y = corners[corners[:, 1].argmin()].tolist()
        if cuboid.label:
            tag(canvas, _label(cuboid.label, cuboid.score), (x, y), color, pen)


def _label(text: str, score: float) -> str:
    return f"{text} {score:.2f}".strip()
