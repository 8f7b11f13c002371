"""The answer as Foxglove draws it on the camera's picture. Imports foxglove_msgs, which may be
missing where ROS is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from foxglove_msgs.msg import (
    CircleAnnotation,
    Color,
    ImageAnnotations,
    Point2,
    PointsAnnotation,
    TextAnnotation,
)
from std_msgs.msg import Header

from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.viewing import pen
from uio2_ros.viewing.cuboid_edges import projected_edges
from uio2_ros.viewing.skeleton import SKELETON

LINE_PIXELS = 2.0
LETTER_PIXELS = 14.0
JOINT_PIXELS = 8.0
OUTLINE_PIXELS = 1.0
"""How far a mask's outline may be from the mask."""
CLEAR = Color()
PLATE = Color(r=0.0, g=0.0, b=0.0, a=0.6)
"""Behind letters."""

Spots = npt.NDArray[np.float64]


def image_annotations(
    answer: Answer, header: Header, camera: CameraModel | None
) -> ImageAnnotations:
    """Boxes, points, 3D boxes and outlines of masks, in pixels of the picture of `header`.

    An answer without any of them gives an empty message, which takes away what was shown. 3D boxes
    need the camera's intrinsics.
    """
    drawing = _Drawing(header)
    for number, found in enumerate(answer.detections):
        drawing.add_detection(found, _color(number))
    for number, points in enumerate(answer.keypoints):
        drawing.add_keypoints(points, _color(number))
    for number, cuboid in enumerate(answer.cuboids if camera is not None else ()):
        assert camera is not None, "looked at in the line above"
        drawing.add_cuboid(cuboid, camera, _color(number))
    masks = [picture for picture in answer.pictures if picture.role == "mask"]
    for number, mask in enumerate(masks):
        drawing.add_mask(mask, _color(number))
    return drawing.message


@dataclass
class _Drawing:
    """Everything has the stamp of the picture, by which Foxglove finds the two to be of one."""

    header: Header
    message: ImageAnnotations = field(default_factory=ImageAnnotations)

    def __post_init__(self) -> None:
        if hasattr(self.message, "timestamp"):  # since 3.2.6
            self.message.timestamp = self.header.stamp

    def add_detection(self, found: Detection, color: Color) -> None:
        box = found.box
        corners = [(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)]
        self._lines(corners, PointsAnnotation.LINE_LOOP, color)
        self._text(f"{found.label} {found.score:.0%}", (box.x1, box.y1), color)

    def add_keypoints(self, points: PointSet, color: Color) -> None:
        seen = {point.name: (point.x, point.y) for point in points.points if point.visible}
        for spot in seen.values():
            self.message.circles.append(
                CircleAnnotation(
                    timestamp=self.header.stamp,
                    position=_point(spot),
                    diameter=JOINT_PIXELS,
                    thickness=LINE_PIXELS,
                    fill_color=color,
                    outline_color=color,
                )
            )
        bones = [(seen[a], seen[b]) for a, b in SKELETON if a in seen and b in seen]
        self._lines([end for bone in bones for end in bone], PointsAnnotation.LINE_LIST, color)
        for name, spot in seen.items() if not bones else ():
            self._text(name, spot, color)

    def add_cuboid(self, cuboid: Cuboid, camera: CameraModel, color: Color) -> None:
        ends = projected_edges(cuboid, camera).reshape(-1, 2)
        self._lines(ends.tolist(), PointsAnnotation.LINE_LIST, color)
        if len(ends):
            x, y = ends.min(axis=0).tolist()
            self._text(f"{cuboid.label} {cuboid.score:.0%}", (x, y), color)

    def add_mask(self, mask: Picture, color: Color) -> None:
        for number, outline in enumerate(_outlines(mask)):
            self._lines(outline.tolist(), PointsAnnotation.LINE_LOOP, color)
            if not number and mask.label:
                x, y = outline.min(axis=0).tolist()
                self._text(f"{mask.label} {mask.score:.0%}", (x, y), color)

    def _lines(self, spots: Sequence[Sequence[float]], kind: int, color: Color) -> None:
        if spots:
            self.message.points.append(
                PointsAnnotation(
                    timestamp=self.header.stamp,
                    type=kind,
                    points=[_point(spot) for spot in spots],
                    outline_color=color,
                    fill_color=CLEAR,
                    thickness=LINE_PIXELS,
                )
            )

    def _text(self, text: str, spot: tuple[float, float], color: Color) -> None:
        self.message.texts.append(
            TextAnnotation(
                timestamp=self.header.stamp,
                position=_point(spot),
                text=text,
                font_size=LETTER_PIXELS,
                text_color=color,
                background_color=PLATE,
            )
        )


def _outlines(mask: Picture) -> Iterator[Spots]:
    """(N, 2) corners of each part of a mask, the largest part first."""
    pixels = np.asarray(mask.pixels, np.uint8)
    parts, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for part in sorted(parts, key=cv2.contourArea, reverse=True):
        outline = cv2.approxPolyDP(part, OUTLINE_PIXELS, closed=True)
        yield outline.reshape(-1, 2).astype(np.float64)


def _color(number: int) -> Color:
    red, green, blue = (part / 255 for part in pen.color_of(number))
    return Color(r=red, g=green, b=blue, a=1.0)


def _point(spot: Sequence[float]) -> Point2:
    x, y = spot
    return Point2(x=float(x), y=float(y))
