"""Lines and letters in proportion to the picture they are drawn on. numpy and OpenCV only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Color = tuple[int, int, int]  # RGB
Spot = tuple[int, int]  # x, y in pixels of the drawing

MOST_LETTERS = 32
"""Of a tag."""
FONT = cv2.FONT_HERSHEY_DUPLEX
INK: Color = (245, 245, 245)
PAPER: Color = (28, 32, 38)
WARNING: Color = (200, 40, 40)
DIM: Color = (165, 175, 185)
ARROW: Color = (255, 159, 28)
PUSH: Color = (231, 76, 160)
PATH: Color = (155, 109, 255)
PALETTE: tuple[Color, ...] = (
    (46, 204, 113),
    (52, 152, 255),
    (255, 159, 28),
    (231, 76, 160),
    (155, 109, 255),
    (26, 188, 188),
)


def color_of(number: int) -> Color:
    """The colour of the n-th thing of a kind."""
    return PALETTE[number % len(PALETTE)]


@dataclass(frozen=True)
class Pen:
    """Sizes in drawn pixels, in proportion to the picture; `scale` turns its pixels into those."""

    scale: float
    line: int
    font: float
    pad: int
    weight: int
    letter_height: int
    letter_depth: int  # below the baseline

    @classmethod
    def for_size(cls, height: int, width: int, scale: float) -> Pen:
        unit = min(max(min(height, width) / 480, 0.8), 4.0)
        font = 0.55 * unit
        weight = max(1, round(1.3 * font))
        (_, letter_height), letter_depth = cv2.getTextSize("Ag", FONT, font, weight)
        pad = round(6 * unit)
        return cls(scale, max(2, round(2.5 * unit)), font, pad, weight, letter_height, letter_depth)

    def spot(self, x: float, y: float) -> Spot:
        return round(x * self.scale), round(y * self.scale)

    def text_width(self, text: str) -> int:
        (width, _), _ = cv2.getTextSize(text, FONT, self.font, self.weight)
        return int(width)


def write(
    canvas: Pixels, text: str, baseline: Spot, color: Color, pen: Pen, shrink: float = 1.0
) -> None:
    """Text from a spot of its baseline to the right."""
    size = pen.font * shrink
    cv2.putText(canvas, printable(text), baseline, FONT, size, color, pen.weight, cv2.LINE_AA)


def tag(canvas: Pixels, text: str, corner: Spot, color: Color, pen: Pen) -> None:
    """Text on a filled plate, above the corner, or where it still fits into the picture."""
    text = _shortened(printable(text))
    plate_height = pen.letter_height + pen.letter_depth + pen.pad
    plate_width = pen.text_width(text) + 2 * pen.pad
    left = max(0, min(corner[0] - pen.line // 2, canvas.shape[1] - plate_width))
    top = corner[1] - plate_height
    top = max(0, min(corner[1] if top < 0 else top, canvas.shape[0] - plate_height))
    cv2.rectangle(canvas, (left, top), (left + plate_width, top + plate_height), color, cv2.FILLED)
    baseline = (left + pen.pad, top + pen.pad // 2 + pen.letter_height)
    write(canvas, text, baseline, contrasting(color), pen)


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 2]}.."


def shade(area: Pixels, part: float) -> None:
    """Covers a part of the picture with paper; `part` of it is what is seen of the paper."""
    paper = np.full_like(area, PAPER)
    cv2.addWeighted(area, 1 - part, paper, part, 0.0, dst=paper)
    area[:] = paper


def printable(text: str) -> str:
    """OpenCV's stroke fonts have ASCII only."""
    return text.encode("ascii", "replace").decode()


def contrasting(color: Color) -> Color:
    """Black or white, whichever reads better on a colour (ITU-R BT.601 luma)."""
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return (15, 15, 15) if luma > 120 else INK
