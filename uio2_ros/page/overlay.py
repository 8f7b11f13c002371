"""The answer as SVG over the live picture: boxes, points, 3D boxes, and what is to be moved where.

No rclpy. Everything that comes from an answer is escaped: a label is text, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from uio2_ros.robot.answer import Answer, Cuboid, Detection, PointSet
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.plan import Step
from uio2_ros.robot.poses import Pose2D, Pose3D
from uio2_ros.viewing.cuboid_edges import NEAREST_M, projected_edges
from uio2_ros.viewing.pen import ARROW, Color, color_of

LABEL_HEIGHT = 0.035
"""Of the picture's height."""
LETTER_WIDTH = 0.58
"""Of a label's height, on average."""
Spot = tuple[float, float]  # x, y in pixels of the original picture


@dataclass(frozen=True)
class OverlayView:
    """How what is to be drawn lies in the picture that is shown.

    width and height: pixels of the original picture; scale: how much smaller it is shown. camera:
    None where it is not calibrated; plan_frame: the pose of the plan's frame in the camera's.
    """

    width: int
    height: int
    scale: float = 1.0
    camera: CameraModel | None = None
    plan_frame: Pose3D | None = None


def svg_of(answer: Answer, view: OverlayView) -> str:
    """The contents of an SVG element whose unit is a pixel of the picture as it is shown."""
    line = max(2.0, 0.004 * view.height)
    parts = [_detection(one, number, view) for number, one in enumerate(answer.detections)]
    parts += [_points(one, number, line) for number, one in enumerate(answer.keypoints)]
    if view.camera is not None:
        parts += [
            _cuboid(one, number, view, view.camera) for number, one in enumerate(answer.cuboids)
        ]
        steps = answer.plan.steps if answer.plan else ()
        parts += [_step(one, number, view, view.camera) for number, one in enumerate(steps)]
    return f'<g transform="scale({view.scale:.5f})" stroke-width="{line:.1f}">{"".join(parts)}</g>'


def _detection(found: Detection, number: int, view: OverlayView) -> str:
    color, box = _hex(color_of(number)), found.box
    (x, y), (width, height) = (box.x1, box.y1), box.size
    return (
        f'<rect class="uio2-box" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="4" fill="{color}" fill-opacity="0.12" stroke="{color}"/>'
        + _label(f"{found.label} {found.score:.0%}", (x, y), color, view)
    )


def _points(found: PointSet, number: int, line: float) -> str:
    color = _hex(color_of(number))
    return "".join(
        f'<circle class="uio2-point" cx="{point.x:.1f}" cy="{point.y:.1f}" r="{2 * line:.1f}" '
        f'fill="{color}" stroke="white" stroke-width="{line / 2:.1f}">'
        f"<title>{escape(point.name)}</title></circle>"
        for point in found.points
        if point.visible
    )


def _cuboid(cuboid: Cuboid, number: int, view: OverlayView, camera: CameraModel) -> str:
    color = _hex(color_of(number))
    edges = projected_edges(cuboid, camera)
    if not len(edges):
        return ""
    drawn = "".join(
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"/>' for a, b in edges
    )
    corner = edges.reshape(-1, 2).min(axis=0).tolist()
    label = _label(f"{cuboid.label} {cuboid.score:.0%}", (corner[0], corner[1]), color, view)
    return f'<g class="uio2-cuboid" stroke="{color}">{drawn}</g>{label}'


def _step(step: Step, number: int, view: OverlayView, camera: CameraModel) -> str:
    """From where to where something is moved."""
    if step.start is None or step.end is None or view.plan_frame is None:
        return ""
    start = _seen(step.start, view.plan_frame, camera)
    end = _seen(step.end, view.plan_frame, camera)
    if start is None or end is None:
        return ""
    color, radius = _hex(ARROW), 0.014 * view.height
    return (
        f'<g class="uio2-step" stroke="{color}" fill="none" stroke-linecap="round">'
        f'<circle cx="{start[0]:.1f}" cy="{start[1]:.1f}" r="{radius:.1f}" fill="{color}"/>'
        f'<path d="{_arc(start, end)}" stroke-dasharray="{2 * radius:.1f} {radius:.1f}"/>'
        f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="{1.6 * radius:.1f}"/>'
        f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="{0.5 * radius:.1f}" fill="{color}"/></g>'
        + _label(f"{number + 1} {step.name}", (start[0], start[1] - 3 * radius), color, view)
    )


def _seen(place: Pose2D, frame: Pose3D, camera: CameraModel) -> Spot | None:
    """Where a place on the plan's plane is in the picture; None if behind the camera."""
    point = np.array(frame.then(Pose3D((place.x, place.y, 0.0))).position)
    if point[2] < NEAREST_M:
        return None
    x, y = camera.project(point).tolist()
    return x, y


def _arc(start: Spot, end: Spot) -> str:
    """A curve that rises a little, so that it is seen to be carried."""
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    rise = 0.25 * float(np.hypot(end[0] - start[0], end[1] - start[1]))
    points: Sequence[Spot] = (start, (middle[0], middle[1] - rise), end)
    (x1, y1), (x2, y2), (x3, y3) = points
    return f"M{x1:.1f},{y1:.1f} Q{x2:.1f},{y2:.1f} {x3:.1f},{y3:.1f}"


def _label(text: str, corner: Spot, color: str, view: OverlayView) -> str:
    """Text on a plate above a corner, within the picture."""
    size = LABEL_HEIGHT * view.height
    width = size * (LETTER_WIDTH * len(text) + 0.6)
    x = min(max(0.0, corner[0]), max(0.0, view.width - width))
    y = corner[1] - 1.3 * size if corner[1] > 1.3 * size else corner[1]
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{1.3 * size:.1f}" rx="3" '
        f'fill="{color}" stroke="none"/><text class="uio2-label" x="{x + 0.3 * size:.1f}" '
        f'y="{y + 0.98 * size:.1f}" font-size="{size:.1f}" font-family="sans-serif" '
        f'fill="#101418" stroke="none">{escape(text)}</text>'
    )


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
