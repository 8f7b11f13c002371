"""A picture and scenes side by side, drawn by matplotlib without a display.

matplotlib is the extra `plot` of this package. Its 3D axes sort by distance, not by pixel: where
faces cut one another the nearer one is drawn whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

from uio2_ros.viewing.scene import Scene
from uio2_ros.viewing.shapes import Dots, Faces, Label, Line

Pixels = npt.NDArray[np.uint8]

DOTS_PER_INCH = 100
BACKGROUND = "#282c34"
INK = "#dfe3ea"
MOST_LETTERS = 32
"""Of a label."""
TITLE_PART = 0.06
"""Of the height."""
MOST_PICTURE = 0.55
"""Of the width, where there are scenes too."""
LEAST_EXTENT_M = 0.4


@dataclass(frozen=True)
class View:
    """From where a scene is looked at: degrees above the horizon and about z, 0 from x."""

    elevation: float
    azimuth: float


VIEWS = {
    "behind": View(28, -150),
    "left": View(15, 90),
    "front": View(20, 25),
    "top": View(89.9, -180),
}
"""Where the viewer stands, for somebody who looks along x with y to the left (REP 103)."""


def render(
    picture: Pixels | None, scenes: Sequence[Scene], size: tuple[int, int], view: View
) -> Pixels:
    """(height, width, 3) RGB: the picture, if there is one, and then each scene.

    `size` is width and height, pixels. ValueError without anything to draw.
    """
    if picture is None and not scenes:
        raise ValueError("neither a picture nor a scene to draw")
    width, height = size
    figure = Figure((width / DOTS_PER_INCH, height / DOTS_PER_INCH), DOTS_PER_INCH)
    figure.patch.set_facecolor(BACKGROUND)
    canvas: Any = FigureCanvasAgg(figure)  # type: ignore[no-untyped-call,unused-ignore]
    left = _picture_part(picture, len(scenes), width / height)
    if picture is not None:
        _draw_picture(figure, picture, left)
    part = (1 - left) / max(1, len(scenes))
    for number, scene in enumerate(scenes):
        _draw_scene(figure, scene, (left + number * part, part), view)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _picture_part(picture: Pixels | None, scenes: int, aspect: float) -> float:
    """How much of the width is the picture's: what it fills, and no more than its share."""
    if picture is None:
        return 0.0
    if not scenes:
        return 1.0
    filled = float(picture.shape[1]) / float(picture.shape[0]) / aspect
    return min(max(filled, MOST_PICTURE / (1 + scenes)), MOST_PICTURE)


def _draw_picture(figure: Figure, picture: Pixels, part: float) -> None:
    margin = 0.01
    panel = figure.add_axes((margin, margin, part - 2 * margin, 1 - TITLE_PART - margin))
    panel.set_anchor("N")
    panel.imshow(picture)
    panel.set_axis_off()
    panel.set_title("debug_image", color=INK, fontsize=10)


def _draw_scene(figure: Figure, scene: Scene, place: tuple[float, float], view: View) -> None:
    """`place` is the left edge and the width, as parts of the figure's."""
    left, part = place
    panel: Any = figure.add_axes(
        (left, 0, part, 1 - TITLE_PART), projection="3d", computed_zorder=False
    )
    panel.set_facecolor(BACKGROUND)
    panel.set_axis_off()
    panel.set_title(f"frame {scene.title}", color=INK, fontsize=10)
    panel.view_init(elev=view.elevation, azim=view.azimuth)
    pixels_per_metre = _frame(panel, scene, figure.bbox.height)
    for order, shape in enumerate(_far_to_near(scene, view)):
        _draw(panel, shape, order, pixels_per_metre)


def _frame(panel: Any, scene: Scene, height_pixels: float) -> float:
    """Sets equal scales on all axes; how many pixels a metre has, roughly."""
    low, high = scene.bounds()
    extent = np.maximum(high - low, LEAST_EXTENT_M)
    middle = (low + high) / 2
    for set_limits, center, span in zip(
        (panel.set_xlim, panel.set_ylim, panel.set_zlim), middle, extent, strict=True
    ):
        set_limits(center - span / 2, center + span / 2)
    panel.set_box_aspect(extent, zoom=0.95)
    return float(0.8 * height_pixels / np.linalg.norm(extent))


def _far_to_near(scene: Scene, view: View) -> list[Line | Faces | Dots | Label]:
    """Shapes in the order to draw them: the floor, then from far to near, labels last."""
    elevation, azimuth = np.radians((view.elevation, view.azimuth))
    towards_viewer = np.array(
        (
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        )
    )

    def nearness(shape: Line | Faces | Dots | Label) -> tuple[bool, float]:
        middle = shape.points.reshape(-1, 3).mean(axis=0)
        return isinstance(shape, Label), float(np.dot(middle, towards_viewer))

    return sorted(scene.shapes, key=nearness)


def _draw(panel: Any, shape: Line | Faces | Dots | Label, order: int, scale: float) -> None:
    """`scale` is in pixels per metre."""
    points_per_metre = scale * 72 / DOTS_PER_INCH
    if isinstance(shape, Line):
        width = min(max(0.6, shape.width * points_per_metre), 6.0)
        panel.add_collection3d(
            Line3DCollection([shape.points], colors=[shape.color], linewidths=width, zorder=order)
        )
    elif isinstance(shape, Faces):
        panel.add_collection3d(
            Poly3DCollection(list(shape.points), facecolors=[shape.color], zorder=order)
        )
    elif isinstance(shape, Dots):
        width = max(1.5, shape.diameter * points_per_metre)
        x, y, z = shape.points.T
        panel.scatter(
            x, y, z, c=shape.colors, s=width**2, depthshade=False, linewidths=0, zorder=order
        )
    else:
        ((x, y, z),) = shape.points
        panel.text(
            x, y, z, f" {shape.text[:MOST_LETTERS]}", color=shape.color, fontsize=9, zorder=order
        )
