"""What a robot was told, drawn into the camera's picture where it is to happen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.sim import CameraView, World
from uio2_ros.sim.spec import Place
from uio2_ros.viewing.pen import ARROW, PATH, PUSH, Color, Pen, Pixels, Spot, contrasting, write

SCALE = 2
"""Pictures of the simulator are enlarged by this, so that lines and letters are fine."""
LABEL_AT = 0.4
"""Of an arrow, where its number is: ends of arrows meet where one step follows the other."""
SHADE: Color = (20, 20, 20)
"""Around lines, so that they are seen on every ground."""
FARTHEST_PIXEL = 30_000
"""OpenCV draws no line between points that are farther away."""


@dataclass(frozen=True)
class Ground:
    """The plane z = 0 of a scene as a camera sees it; base is where a mobile base stands."""

    view: CameraView
    base: Pose2D | None

    @classmethod
    def of(cls, world: World, camera: str) -> Ground:
        """As it is now."""
        base = world.base.pose if world.scene.place is Place.ROOM else None
        return cls(world.view(camera), base)

    def spots(self, places: Sequence[tuple[float, float]]) -> list[Spot | None]:
        """Pixels of the enlarged picture, None for places behind the camera."""
        points = np.array([(x, y, 0.0) for x, y in places], np.float64).reshape(-1, 3)
        found = (self.view.project(points) + 0.5) * SCALE
        return [
            (round(x), round(y)) if max(abs(x), abs(y)) < FARTHEST_PIXEL else None
            for x, y in np.nan_to_num(found, nan=np.inf).tolist()
        ]


def enlarged(pixels: Pixels) -> Pixels:
    """`SCALE` times as large."""
    height, width = pixels.shape[:2]
    size = (width * SCALE, height * SCALE)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def draw_steps(pixels: Pixels, steps: Sequence[Step], ground: Ground, first: int = 1) -> Pixels:
    """A new picture, `SCALE` times as large: numbered arrows for steps of an arm, a path to drive.

    An arrow is orange for pick and place and pink for a push. `first` is the first number.
    """
    canvas = enlarged(pixels)
    height, width = canvas.shape[:2]
    pen = Pen.for_size(height, width, SCALE)
    moves = [step for step in steps if step.start and step.end]
    for number, step in enumerate(moves, start=first):
        _draw_move(canvas, step, str(number), ground, pen)
    if ground.base is not None:
        _draw_drive(canvas, steps, ground.base, ground, pen)
    return canvas


def _draw_move(canvas: Pixels, step: Step, label: str, ground: Ground, pen: Pen) -> None:
    assert step.start is not None
    assert step.end is not None
    start, end = ground.spots([(step.start.x, step.start.y), (step.end.x, step.end.y)])
    if start is None or end is None:
        return
    color: Color = PUSH if step.kind is ActionKind.PUSH else ARROW
    tip = 9 * pen.line / max(1.0, math.dist(start, end))
    for paint, width in ((SHADE, pen.line + 4), (color, pen.line + 1)):
        cv2.arrowedLine(canvas, start, end, paint, width, cv2.LINE_AA, tipLength=tip)
    cv2.circle(canvas, start, 2 * pen.line, SHADE, cv2.FILLED, cv2.LINE_AA)
    x, y = (round(a + LABEL_AT * (b - a)) for a, b in zip(start, end, strict=True))
    radius = pen.letter_height // 2 + pen.line + 2
    cv2.circle(canvas, (x, y), radius + 2, SHADE, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(canvas, (x, y), radius, color, cv2.FILLED, cv2.LINE_AA)
    corner = (x - pen.text_width(label) // 2, y + pen.letter_height // 2)
    write(canvas, label, corner, contrasting(color), pen)


def _draw_drive(
    canvas: Pixels, steps: Sequence[Step], base: Pose2D, ground: Ground, pen: Pen
) -> None:
    spots = [spot for spot in ground.spots(driven(steps, base)) if spot is not None]
    for one, other in pairwise(spots):
        cv2.line(canvas, one, other, SHADE, pen.line + 4, cv2.LINE_AA)
        cv2.line(canvas, one, other, PATH, pen.line + 1, cv2.LINE_AA)
    if spots:
        cv2.circle(canvas, spots[-1], 3 * pen.line, PATH, cv2.FILLED, cv2.LINE_AA)


def driven(steps: Sequence[Step], base: Pose2D) -> list[tuple[float, float]]:
    """The places that the moves of a base lead it through, if nothing is in its way."""
    x, y, yaw = base.x, base.y, base.yaw
    places = [(x, y)]
    for step in steps:
        forward, turn = step.values
        yaw += turn
        x, y = x + forward * math.cos(yaw), y + forward * math.sin(yaw)
        places.append((x, y))
    return places


def beside(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> Pixels:
    """Two pictures of one size with a line between them."""
    line = np.full((one.shape[0], 4, 3), 255, np.uint8)
    return np.concatenate([one, line, other], axis=1)
