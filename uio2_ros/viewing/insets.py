"""What has no place in the picture itself: plans seen from above, and the values of actions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.viewing.motion_path import MotionPath, motion_path, value_rows
from uio2_ros.viewing.pen import ARROW, DIM, INK, PATH, PUSH, Pen, Pixels, Spot, shade, write

MARGIN = 0.15
"""Of a map, around what it shows."""
LEAST_SPAN_M = 0.2
"""A map shows at least so much."""
MOST_ROWS = 10
"""Dimensions whose values are shown."""

Place = tuple[float, float]  # x ahead, y to the left, metres
ToMap = Callable[[Place], Spot]


def draw_plan(canvas: Pixels, plan: TaskPlan, space: ActionSpace | None, pen: Pen) -> None:
    """A map seen from above in the lower right corner, and a table of values in the left one.

    x is up and y to the left (REP 103). The poses are metres in the action space's frame. A path
    needs the action space.
    """
    moves = [step for step in plan.steps if step.start and step.end]
    path = motion_path(plan, space) if space is not None else None
    if moves or path is not None:
        _map(canvas, moves, path, pen)
    rows = value_rows(plan.steps)
    if rows:
        _table(canvas, rows, pen)


def _map(canvas: Pixels, moves: Sequence[Step], path: MotionPath | None, pen: Pen) -> None:
    side = round(0.4 * min(canvas.shape[:2]))
    area = _plate(canvas, side, side, pen, on_right=True)
    write(area, "plan, from above", (pen.pad, side - pen.pad), DIM, pen, 0.7)
    places = [(pose.x, pose.y) for step in moves for pose in (step.start, step.end) if pose]
    if path is not None:
        places += [(x, y) for x, y, _ in path.points.tolist()]
    to_map = _map_of(places, side)
    for number, step in enumerate(moves, start=1):
        _move(area, step, str(number), to_map, pen)
    if path is not None:
        _path(area, path, to_map, pen)


def _map_of(places: Sequence[Place], side: int) -> ToMap:
    """A function from a place to its pixel in a square map that shows all of them."""
    ahead, aside = np.array(places).T
    middle = (ahead.min() + ahead.max()) / 2, (aside.min() + aside.max()) / 2
    span = max(np.ptp(ahead), np.ptp(aside), LEAST_SPAN_M)
    pixels_per_metre = side * (1 - 2 * MARGIN) / span

    def to_map(place: Place) -> Spot:
        right, down = middle[1] - place[1], middle[0] - place[0]
        return (
            round(side / 2 + right * pixels_per_metre),
            round(side / 2 + down * pixels_per_metre),
        )

    return to_map


def _move(area: Pixels, step: Step, label: str, to_map: ToMap, pen: Pen) -> None:
    if step.start is None or step.end is None:
        return
    color = PUSH if step.kind is ActionKind.PUSH else ARROW
    start = to_map((step.start.x, step.start.y))
    end = to_map((step.end.x, step.end.y))
    cv2.arrowedLine(area, start, end, color, pen.line, cv2.LINE_AA, tipLength=0.15)
    cv2.circle(area, start, 2 * pen.line, color, cv2.FILLED, cv2.LINE_AA)
    write(area, label, (start[0] + 3 * pen.line, start[1] - pen.line), INK, pen, 0.8)


def _path(area: Pixels, path: MotionPath, to_map: ToMap, pen: Pen) -> None:
    """The way from a dot to an arrowhead that shows where the robot heads; a square to stay."""
    spots = np.array([to_map((x, y)) for x, y, _ in path.points.tolist()], np.int32)
    cv2.polylines(area, [spots], False, PATH, pen.line, cv2.LINE_AA)
    cv2.circle(area, tuple(spots[0].tolist()), 2 * pen.line, PATH, cv2.FILLED, cv2.LINE_AA)
    if path.is_still:
        cv2.rectangle(area, spots[0] - 4 * pen.line, spots[0] + 4 * pen.line, PATH, pen.line)
        return
    (x, y), heading = spots[-1].tolist(), float(path.headings[-1])
    length = 8 * pen.line
    tip = (round(x - length * math.sin(heading)), round(y - length * math.cos(heading)))
    cv2.arrowedLine(area, (x, y), tip, INK, pen.line, cv2.LINE_AA, tipLength=0.5)


def _table(canvas: Pixels, rows: Mapping[str, npt.NDArray[np.float64]], pen: Pen) -> None:
    """Each dimension's name, its first value, and how it goes on over the steps."""
    pitch = pen.letter_height + pen.pad
    shown = list(rows.items())[:MOST_ROWS]
    width = min(round(0.55 * canvas.shape[1]), 40 * pen.pad)
    height = min(pitch * len(shown) + 2 * pen.pad, canvas.shape[0] - 4 * pen.pad)
    area = _plate(canvas, height, width, pen, on_right=False)
    for number, (name, values) in enumerate(shown, start=1):
        baseline = number * pitch
        write(area, name, (pen.pad, baseline), DIM, pen, 0.7)
        write(area, f"{values[0]:+.3f}", (round(0.38 * width), baseline), INK, pen, 0.7)
        if len(values) > 1:
            _curve(area, values, (round(0.65 * width), baseline - pitch, width, baseline), pen)


def _curve(
    area: Pixels,
    values: npt.NDArray[np.float64],
    frame: tuple[int, int, int, int],
    pen: Pen,
) -> None:
    """The values from left to right in a frame of left, top, right, bottom, from low to high."""
    left, top, right, bottom = frame
    span = float(np.ptp(values)) or 1.0
    inner = bottom - top - pen.pad
    xs = np.linspace(left, right - pen.pad, len(values))
    ys = bottom - (values - values.min()) / span * inner
    spots = np.rint(np.column_stack((xs, ys))).astype(np.int32)
    cv2.polylines(area, [spots], False, PATH, max(1, pen.line // 2), cv2.LINE_AA)


def _plate(canvas: Pixels, height: int, width: int, pen: Pen, *, on_right: bool) -> Pixels:
    """A darkened part of the picture, in one of its lower corners."""
    margin = 2 * pen.pad
    top = max(0, canvas.shape[0] - height - margin)
    left = max(0, canvas.shape[1] - width - margin) if on_right else margin
    area = canvas[top : top + height, left : left + width]
    if area.size:
        shade(area, 0.75)
        corner = (area.shape[1] - 1, area.shape[0] - 1)
        cv2.rectangle(area, (0, 0), corner, DIM, 1, cv2.LINE_AA)
    return area
