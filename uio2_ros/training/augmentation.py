"""Scale and crop, as in training of the original (training.md section 6), and other colours.

A labelled task's picture is scaled by 3/4 to 4/3 and cut or padded to its size; boxes, regions,
points, masks, depth and the camera's intrinsics go with it, so that the answer stays right. Where
an answer may be about what a crop removes, pictures only shrink. Padding is black and is seen.
Nothing is flipped. Colours are changed only where asked for, and then nothing names one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.robot.answer import Answer, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.observation import Frame, Observation

LEAST_FACTOR, LARGEST_FACTOR = 0.75, 1.3333
SHORTEST_SIDE = 64
KERNELS = (cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST)
COLOR_WORDS = frozenset(
    (
        *("red", "orange", "yellow", "green", "blue", "purple", "violet", "pink"),
        *("brown", "black", "white", "gray", "grey"),
    )
)
MOST_SATURATED = 1.2
"""Of recoloured pictures, times the saturation they had; the least is none."""
LEAST_BOX = 1.0
"""Pixels of a side: what is left of a box with less is nothing."""


@dataclass(frozen=True)
class Rescaling:
    """A pixel's edge (x, y) goes to scale * (x, y) + (shift_x, shift_y), in a picture as large."""

    scale: float
    shift_x: int
    shift_y: int
    width: int
    height: int

    @staticmethod
    def drawn(rng: np.random.Generator, width: int, height: int, *, cropped: bool) -> Rescaling:
        """A random one; `cropped`: it may enlarge, so that the sides are cut off."""
        factor = rng.uniform(LEAST_FACTOR, LARGEST_FACTOR if cropped else 1.0)
        across, along = int(factor * width) / width, int(factor * height) / height
        scale = max(across, along) if rng.uniform() < 0.5 else min(across, along)
        scale = max(scale, min(1.0, SHORTEST_SIDE / min(width, height)))
        shifts = [
            -int(rng.integers(0, round(scale * side) - side + 1))
            if round(scale * side) > side
            else (side - round(scale * side)) // 2
            for side in (width, height)
        ]
        return Rescaling(scale, shifts[0], shifts[1], width, height)

    def box(self, box: Box) -> Box | None:
        """A box cut to the picture; None where nothing of it is left."""
        x1, x2 = (np.clip(self.scale * x + self.shift_x, 0, self.width) for x in (box.x1, box.x2))
        y1, y2 = (np.clip(self.scale * y + self.shift_y, 0, self.height) for y in (box.y1, box.y2))
        if min(x2 - x1, y2 - y1) < LEAST_BOX:
            return None
        return Box(float(x1), float(y1), float(x2), float(y2))

    def point(self, point: Point) -> Point:
        """A point, which is counted from the centre of the first pixel."""
        x = self.scale * (point.x + 0.5) + self.shift_x - 0.5
        y = self.scale * (point.y + 0.5) + self.shift_y - 0.5
        inside = -0.5 <= x < self.width - 0.5 and -0.5 <= y < self.height - 0.5
        return replace(point, x=x, y=y, visible=point.visible and inside)

    def camera(self, camera: CameraModel) -> CameraModel:
        """The intrinsics of the new picture."""
        return replace(
            camera,
            fx=self.scale * camera.fx,
            fy=self.scale * camera.fy,
            cx=self.scale * (camera.cx + 0.5) + self.shift_x - 0.5,
            cy=self.scale * (camera.cy + 0.5) + self.shift_y - 0.5,
        )

    def picture(self, pixels: npt.NDArray[Any], kernel: int, outside: float = 0.0) -> Any:
        """The new picture (H, W, ...) of one of this size, `outside` where there is none."""
        size = round(self.scale * self.width), round(self.scale * self.height)
        scaled = cv2.resize(pixels, size, interpolation=kernel)
        placed = np.full(pixels.shape, outside, pixels.dtype)
        rows, columns = (
            _overlap(self.shift_y, size[1], self.height),
            _overlap(self.shift_x, size[0], self.width),
        )
        placed[rows[0], columns[0]] = scaled[rows[1], columns[1]]
        return placed


def _overlap(shift: int, scaled: int, side: int) -> tuple[slice, slice]:
    """Which part of a side is covered, and by which part of the scaled picture."""
    first, last = max(0, shift), min(side, shift + scaled)
    return slice(first, last), slice(first - shift, last - shift)


def rescaled(
    seen: Observation, task: LabelledTask, rng: np.random.Generator
) -> tuple[Observation, LabelledTask] | None:
    """A labelled task seen at another scale; None where its answer, or its region, is cut off."""
    if seen.image is None:
        return seen, task
    height, width = seen.image.pixels.shape[:2]
    cropped = bool(task.answer.detections) and not task.answer.pictures
    how = Rescaling.drawn(rng, width, height, cropped=cropped)
    kernel = KERNELS[int(rng.integers(len(KERNELS)))]
    region = task.instruction.region
    moved_region = None if region is None else how.box(region)
    answer = _answer(task.answer, how, kernel)
    lost = region is not None and moved_region is None
    if lost or (task.answer.detections and not answer.detections):
        return None
    frame: Frame = replace(seen.image, pixels=how.picture(seen.image.pixels, kernel), key=None)
    camera = None if seen.camera is None else how.camera(seen.camera)
    instruction = replace(task.instruction, region=moved_region)
    return replace(seen, image=frame, camera=camera), LabelledTask(instruction, answer)


def _answer(answer: Answer, how: Rescaling, kernel: int) -> Answer:
    boxes = ((one, how.box(one.box)) for one in answer.detections)
    found: tuple[Detection, ...] = tuple(
        replace(one, box=box) for one, box in boxes if box is not None
    )
    return replace(
        answer,
        detections=found,
        keypoints=tuple(_points(one, how) for one in answer.keypoints),
        pictures=tuple(_picture(one, how, kernel) for one in answer.pictures),
    )


def _points(points: PointSet, how: Rescaling) -> PointSet:
    box = None if points.box is None else how.box(points.box)
    return replace(points, box=box, points=tuple(map(how.point, points.points)))


def _picture(picture: Picture, how: Rescaling, kernel: int) -> Picture:
    exact = picture.role in ("mask", "depth", "normals")
    outside = float("nan") if picture.role == "normals" else 0.0
    moved = how.picture(picture.pixels, cv2.INTER_NEAREST if exact else kernel, outside)
    return replace(picture, pixels=moved)


def recolored(pixels: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The picture (H, W, 3) with all hues turned by one angle and another saturation."""
    hsv = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(0, 360)) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0, MOST_SATURATED), 0, 1)
    turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * 255
    return np.asarray(np.clip(np.rint(turned), 0, 255), np.uint8)


def recolored_sample(sample: Sample, rng: np.random.Generator) -> Sample | None:
    """A sample in other colours, with those of its tasks that name none; None where all do.

    What a thing is called is then learnt from its shape, in whatever colour.
    """
    image = sample.observation.image
    tasks = tuple(one for one in sample.tasks if not _names_a_color(one))
    if image is None or not tasks:
        return None
    turned = replace(image, pixels=recolored(image.pixels, rng))
    return replace(sample, observation=replace(sample.observation, image=turned), tasks=tasks)


def _names_a_color(labelled: LabelledTask) -> bool:
    asked, answer = labelled.instruction, labelled.answer
    said = [asked.instruction, *asked.options, answer.text, *answer.options]
    for found in (answer.detections, answer.cuboids, answer.keypoints):
        said += [one.label for one in found]
    words = " ".join(said).lower().replace(",", " ").replace(".", " ").replace("?", " ").split()
    # pictures that are to be drawn, and plans that were told apart by colour, keep theirs
    return bool(answer.pictures) or not COLOR_WORDS.isdisjoint(words)
