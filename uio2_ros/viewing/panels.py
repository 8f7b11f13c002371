"""Pictures and sound that an answer holds, as panels beside and below the camera's picture."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Picture
from uio2_ros.viewing.pen import DIM, PALETTE, PAPER, Pen, Pixels, tag

PANEL_ROLES = ("depth", "normals", "generated")
"""Roles of pictures that are shown beside the camera's."""
SOUND_RATE_HZ = 16_000
_NORMAL_COLORS = np.array(
    [[127.5, 0, 0, 127.5], [0, -127.5, 0, 127.5], [0, 0, -127.5, 127.5]], np.float32
)
SAMPLED = 8
"""Every so many rows and columns are looked at for the range of a depth picture."""


def draw_panel(panel: Pixels, picture: Picture, pen: Pen) -> None:
    """Fills a panel with a picture of `PANEL_ROLES`, as large as fits, and its name."""
    image, legend = picture_colors(picture)
    height, width = panel.shape[:2]
    factor = min(height / image.shape[0], width / image.shape[1])
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    if size != (width, height):
        panel[:] = PAPER
    place = panel[top : top + size[1], left : left + size[0]]
    if image.shape == place.shape:
        np.copyto(place, image)
    else:
        place[:] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    tag(panel, legend, (left, top), PAPER, pen)


def picture_colors(picture: Picture) -> tuple[Pixels, str]:
    """A picture of `PANEL_ROLES` as RGB (H, W, 3), and what it shows."""
    if picture.role == "depth":
        return depth_colors(picture.pixels)
    if picture.role == "normals":
        return normal_colors(picture.pixels), "normals"
    return np.asarray(picture.pixels, np.uint8), f"generated {picture.label}".strip()


def depth_colors(metres: npt.NDArray[Any]) -> tuple[Pixels, str]:
    """(H, W) depth as RGB from red, near, to blue, far; black where it is not known. And a legend.

    The colours span the 2nd to the 98th percentile.
    """
    known = np.isfinite(metres) & (metres > 0)
    sample = metres[::SAMPLED, ::SAMPLED][known[::SAMPLED, ::SAMPLED]]
    if not sample.size:
        return np.zeros((*metres.shape, 3), np.uint8), "depth: none"
    near, far = np.percentile(sample, (2, 98)).tolist()
    gain = 255.0 / max(far - near, 1e-3)
    nearness = np.where(known, (far - metres) * np.float32(gain), np.float32(0)).clip(0, 255)
    colors = cv2.applyColorMap(nearness.astype(np.uint8), cv2.COLORMAP_TURBO)
    colors = cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)
    colors[~known] = 0
    return np.asarray(colors, np.uint8), f"depth {near:.2f} (red) to {far:.2f} m"


def normal_colors(normals: npt.NDArray[Any]) -> Pixels:
    """(H, W, 3) normals of the optical frame in the usual colours: red right, green up, blue near.

    Black where there is none: no length, or NaN.
    """
    colors = cv2.transform(np.ascontiguousarray(normals, np.float32), _NORMAL_COLORS)
    cv2.patchNaNs(colors, 0.0)
    image: Pixels = np.asarray(cv2.convertScaleAbs(colors.clip(0, 255)), np.uint8)
    nowhere = cv2.inRange(image, (126, 126, 126), (129, 129, 129))  # unit vectors are not so grey
    image[nowhere > 0] = 0
    return image


def draw_sound(strip: Pixels, samples: npt.NDArray[np.float32], pen: Pen) -> None:
    """The envelope of mono sound at 16 kHz from its begin to its end, and how long it is."""
    strip[:] = PAPER
    height, width = strip.shape[:2]
    low, high = envelope(samples, width)
    middle, reach = height / 2, height / 2 - 1
    xs = np.arange(len(low))
    upper = np.column_stack((xs, middle - high * reach))
    lower = np.column_stack((xs, middle - low * reach))
    outline = np.rint(np.concatenate((upper, lower[::-1]))).astype(np.int32)
    cv2.line(strip, (0, round(middle)), (width, round(middle)), DIM, 1)
    cv2.fillPoly(strip, [outline], PALETTE[5])
    cv2.polylines(strip, [outline], True, PALETTE[5], 1, cv2.LINE_AA)
    seconds = f"sound, {len(samples) / SOUND_RATE_HZ:.2f} s"
    tag(strip, seconds, (0, 0), PAPER, pen)


def envelope(
    samples: npt.NDArray[np.float32], columns: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Lowest and highest sample, within [-1, 1], of each of `columns` pieces (or each sample)."""
    if not samples.size:
        return np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    clean = np.nan_to_num(samples).clip(-1, 1)
    starts = np.unique(np.linspace(0, len(clean), columns, endpoint=False).astype(np.intp))
    low, high = np.minimum.reduceat(clean, starts), np.maximum.reduceat(clean, starts)
    places = np.linspace(0, len(starts) - 1, columns).round().astype(np.intp)
    return low[places], high[places]
