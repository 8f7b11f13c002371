"""The picture with the answer drawn into it, for people. Imports numpy and OpenCV, no rclpy."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.tasks.answer import Answer, Point, PointSet, Pose2D, Step
from uio2_ros.tasks.instruction import Box

Pixels = npt.NDArray[np.uint8]
Color = tuple[int, int, int]  # RGB
Spot = tuple[int, int]  # x, y in pixels of the drawing

SYNTHETIC_BANNER = "SYNTHETIC WEIGHTS - NOT A TRAINED MODEL"
LEAST_WIDTH = 480
"""Smaller pictures are enlarged, so that the writing fits."""
MOST_LINES = 4
"""Lines of the answer's text."""

FONT = cv2.FONT_HERSHEY_DUPLEX
INK: Color = (245, 245, 245)
PAPER: Color = (28, 32, 38)
WARNING: Color = (200, 40, 40)
DIM: Color = (165, 175, 185)
PALETTE: tuple[Color, ...] = (
    (46, 204, 113),
    (52, 152, 255),
    (255, 159, 28),
    (231, 76, 160),
    (155, 109, 255),
    (26, 188, 188),
)
ARROW: Color = (255, 159, 28)
PLAN_MARGIN = 0.12
"""Of the inset, around the poses of a plan."""
SKELETON = (
    ("left shoulder", "right shoulder"),
    ("left shoulder", "left elbow"),
    ("left elbow", "left wrist"),
    ("right shoulder", "right elbow"),
    ("right elbow", "right wrist"),
    ("left shoulder", "left hip"),
    ("right shoulder", "right hip"),
    ("left hip", "right hip"),
    ("left hip", "left knee"),
    ("left knee", "left ankle"),
    ("right hip", "right knee"),
    ("right knee", "right ankle"),
)
"""Bones between COCO's joints, drawn where both ends were found."""


@dataclass(frozen=True)
class _Pen:
    """Sizes in drawn pixels, in proportion to the picture; `scale` turns its pixels into those."""

    scale: float
    line: int
    font: float
    pad: int

    @classmethod
    def for_size(cls, height: int, width: int, scale: float) -> _Pen:
        unit = min(max(min(height, width) / 480, 0.8), 4.0)
        return cls(scale, max(2, round(2.5 * unit)), 0.55 * unit, round(6 * unit))

    @property
    def weight(self) -> int:
        return max(1, round(1.3 * self.font))

    def spot(self, x: float, y: float) -> Spot:
        return round(x * self.scale), round(y * self.scale)

    def text_size(self, text: str) -> tuple[int, int, int]:
        """Width, height above and depth below the baseline."""
        (width, height), below = cv2.getTextSize(text, FONT, self.font, self.weight)
        return width, height, below


def draw_answer(pixels: Pixels, instruction: str, answer: Answer) -> Pixels:
    """A new RGB picture: `pixels` (H, W, 3) with boxes, points and arrows, and a caption below.

    A picture narrower than `LEAST_WIDTH` is enlarged. Answers of synthetic weights bear a banner.
    """
    canvas, pen = _canvas(pixels)
    for number, found in enumerate(answer.detections):
        label = f"{found.label} {found.score:.2f}".strip()
        _box(canvas, found.box, label, PALETTE[number % len(PALETTE)], pen)
    for number, points in enumerate(answer.keypoints):
        _points(canvas, points, PALETTE[number % len(PALETTE)], pen)
    if answer.plan is not None:
        _inset(canvas, answer.plan.steps, pen)
    width = canvas.shape[1]
    banner = [_banner(width, pen)] if answer.synthetic_weights else []
    return np.vstack([canvas, *banner, _caption(width, instruction, answer, pen)])


def _canvas(pixels: Pixels) -> tuple[Pixels, _Pen]:
    height, width = pixels.shape[:2]
    scale = max(1.0, LEAST_WIDTH / width)
    drawn_height = min(round(height * scale), 4 * LEAST_WIDTH) if scale > 1 else height
    drawn_width = round(width * scale)
    pen = _Pen.for_size(drawn_height, drawn_width, scale)
    if scale == 1:
        return pixels.copy(), pen
    size = (drawn_width, drawn_height)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8), pen


def _box(canvas: Pixels, box: Box, label: str, color: Color, pen: _Pen) -> None:
    start, end = pen.spot(box.x1, box.y1), pen.spot(box.x2, box.y2)
    cv2.rectangle(canvas, start, end, color, pen.line, cv2.LINE_AA)
    if label:
        _tag(canvas, label, start, color, pen)


def _tag(canvas: Pixels, text: str, corner: Spot, color: Color, pen: _Pen) -> None:
    """Text on a filled plate, above the corner, or where it still fits into the picture."""
    text = _printable(text)
    width, height, below = pen.text_size(text)
    plate_height, plate_width = height + below + pen.pad, width + 2 * pen.pad
    left = max(0, min(corner[0] - pen.line // 2, canvas.shape[1] - plate_width))
    top = corner[1] - plate_height
    top = max(0, min(corner[1] if top < 0 else top, canvas.shape[0] - plate_height))
    cv2.rectangle(canvas, (left, top), (left + plate_width, top + plate_height), color, cv2.FILLED)
    baseline = (left + pen.pad, top + pen.pad // 2 + height)
    _write(canvas, text, baseline, _contrasting(color), pen)


def _points(canvas: Pixels, points: PointSet, color: Color, pen: _Pen) -> None:
    if points.box is not None:
        _box(canvas, points.box, points.label, color, pen)
    spots = {point.name: pen.spot(point.x, point.y) for point in points.points if point.visible}
    for start, end in SKELETON:
        if start in spots and end in spots:
            cv2.line(canvas, spots[start], spots[end], color, pen.line, cv2.LINE_AA)
    for point in points.points:
        _dot(canvas, point, color, pen)


def _dot(canvas: Pixels, point: Point, color: Color, pen: _Pen) -> None:
    """A filled dot, hollow where the point is hidden."""
    spot = pen.spot(point.x, point.y)
    cv2.circle(canvas, spot, 2 * pen.line + 1, INK, cv2.FILLED, cv2.LINE_AA)
    fill = cv2.FILLED if point.visible else 1
    cv2.circle(canvas, spot, 2 * pen.line - 1, color, fill, cv2.LINE_AA)


def _inset(canvas: Pixels, steps: Sequence[Step], pen: _Pen) -> None:
    """A map of a plan seen from above, x up and y to the left (REP 103), in the lower right corner.

    The poses are metres in the action space's frame and have no place in the picture itself.
    """
    moves = [(step.start, step.end) for step in steps if step.start and step.end]
    if not moves:
        return
    side = round(0.4 * min(canvas.shape[:2]))
    margin = 2 * pen.pad
    top, left = canvas.shape[0] - side - margin, canvas.shape[1] - side - margin
    area = canvas[top : top + side, left : left + side]
    area[:] = np.rint(0.25 * area + 0.75 * np.array(PAPER)).astype(np.uint8)
    cv2.rectangle(canvas, (left, top), (left + side, top + side), DIM, 1, cv2.LINE_AA)
    _write(area, "plan, from above", (pen.pad, side - pen.pad), DIM, pen, 0.7)
    to_map = _map_of([pose for move in moves for pose in move], side)
    for number, (start, end) in enumerate(moves, start=1):
        _arrow(area, to_map(start), to_map(end), str(number), pen)


def _map_of(poses: Sequence[Pose2D], side: int) -> Callable[[Pose2D], Spot]:
    """A function from a pose to its pixel in a square map that shows all poses."""
    ahead = np.array([pose.x for pose in poses])
    aside = np.array([pose.y for pose in poses])
    center = (ahead.min() + ahead.max()) / 2, (aside.min() + aside.max()) / 2
    span = max(np.ptp(ahead), np.ptp(aside), 1e-3)
    pixels_per_metre = side * (1 - 2 * PLAN_MARGIN) / span

    def to_map(pose: Pose2D) -> Spot:
        right, down = center[1] - pose.y, center[0] - pose.x
        return (
            round(side / 2 + right * pixels_per_metre),
            round(side / 2 + down * pixels_per_metre),
        )

    return to_map


def _arrow(area: Pixels, start: Spot, end: Spot, label: str, pen: _Pen) -> None:
    cv2.arrowedLine(area, start, end, ARROW, pen.line, cv2.LINE_AA, tipLength=0.15)
    cv2.circle(area, start, 2 * pen.line, ARROW, cv2.FILLED, cv2.LINE_AA)
    _write(area, label, (start[0] + 3 * pen.line, start[1] - pen.line), INK, pen, 0.8)


def _banner(width: int, pen: _Pen) -> Pixels:
    """A plain warning between picture and caption."""
    text_width, height, below = pen.text_size(SYNTHETIC_BANNER)
    shrink = min(1.0, (width - 2 * pen.pad) / text_width)
    strip: Pixels = np.full((height + below + 2 * pen.pad, width, 3), WARNING, np.uint8)
    left = round((width - text_width * shrink) / 2)
    _write(strip, SYNTHETIC_BANNER, (left, height + pen.pad), INK, pen, shrink)
    return strip


def _caption(width: int, instruction: str, answer: Answer, pen: _Pen) -> Pixels:
    """A strip with the instruction, the answer, and the model."""
    said = answer.text or ("nothing found" if not answer.error_code else answer.error_msg)
    lines = [(line, INK) for line in _wrapped(f"> {instruction}", width, pen, 2)]
    lines += [(line, PALETTE[0]) for line in _wrapped(said, width, pen, MOST_LINES)]
    total = f"{answer.timings.total * 1e3:.0f} ms, {answer.timings.tokens} tokens"
    lines += [(f"{answer.task or 'free form'} - {answer.model} - {total}", DIM)]
    pitch = pen.text_size("Ag")[1] + pen.text_size("Ag")[2] + pen.pad
    strip: Pixels = np.full((pitch * len(lines) + 2 * pen.pad, width, 3), PAPER, np.uint8)
    for number, (line, color) in enumerate(lines, start=1):
        _write(strip, line, (2 * pen.pad, number * pitch), color, pen)
    return strip


def _wrapped(text: str, width: int, pen: _Pen, most: int) -> list[str]:
    letter = pen.text_size("n" * 20)[0] / 20
    columns = max(10, int((width - 4 * pen.pad) / letter))
    return textwrap.wrap(
        _printable(" ".join(text.split())), columns, max_lines=most, placeholder=" ..."
    )


def _write(
    canvas: Pixels, text: str, baseline: Spot, color: Color, pen: _Pen, shrink: float = 1.0
) -> None:
    size = pen.font * shrink
    cv2.putText(canvas, _printable(text), baseline, FONT, size, color, pen.weight, cv2.LINE_AA)


def _printable(text: str) -> str:
    """OpenCV's stroke fonts have ASCII only."""
    return text.encode("ascii", "replace").decode()


def _contrasting(color: Color) -> Color:
    """Black or white, whichever reads better on a colour (ITU-R BT.601 luma)."""
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return (15, 15, 15) if luma > 120 else INK
