"""Right answers as the text that the model is to write: the inverse of `decoding` and the tasks.

Locations are those of the letterboxed picture that goes with the prompt. numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import quat2mat

from uio2_ros.decoding import COCO_17, CanvasPlacement, CuboidError, MetricBoxes, Primitive
from uio2_ros.decoding.manipulation import step_text
from uio2_ros.decoding.quantities import tokens_of
from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.answer import Cuboid, Detection, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.tasks.cuboids import CODEC

ToCanvas = Callable[[npt.ArrayLike], npt.NDArray[np.float32]]
"""Pixels (..., 2 k) of alternating y and x to fractions of the canvas, cut to it."""

_PRIMITIVES = {ActionKind.PICK_PLACE: Primitive.PICK_PLACE, ActionKind.PUSH: Primitive.PUSH}


class TargetError(ValueError):
    """An answer that the model cannot give; the message says what of it."""


@dataclass(frozen=True)
class TargetWriter:
    """Writes answers about one picture (to_canvas), or about none (None)."""

    vocabulary: Vocabulary
    to_canvas: ToCanvas | None = None

    def boxes(self, detections: Iterable[Detection]) -> str:
        """`y1 x1 y2 x2 label` of each."""
        return " ".join(f"{self.box(one.box)} {one.label}".strip() for one in detections)

    def box(self, box: Box) -> str:
        """`y1 x1 y2 x2`; a side that is shorter than a location is made one long."""
        bins = self._bins([box.y1, box.x1, box.y2, box.x2])
        last = len(self.vocabulary.location_ids) - 1
        first = np.minimum(bins[:2], last - 1)
        return self._written([*first, *np.maximum(bins[2:], first + 1)])

    def points(self, points: PointSet) -> str:
        """`y x name` of every COCO joint. TargetError where one is missing."""
        there = {point.name: point for point in points.points}
        if missing := [name for name in COCO_17 if name not in there]:
            raise TargetError(
                f"the answer lacks the joints {', '.join(missing)}; expected all {len(COCO_17)} of "
                "COCO"
            )
        parts = [(name, self._bins([there[name].y, there[name].x])) for name in COCO_17]
        return " ".join(f"{self._written(place)} {name}" for name, place in parts)

    def cuboids(
        self, cuboids: Iterable[Cuboid], camera: CameraModel, placement: CanvasPlacement
    ) -> str:
        """Twelve locations and the label of each.

        Boxes whose centre lies too far outside the picture to be written are left out.
        """
        written = ((cuboid.label, self._cuboid(cuboid, camera, placement)) for cuboid in cuboids)
        return " ".join(f"{tokens} {label}".strip() for label, tokens in written if tokens)

    def motions(self, steps: Sequence[Step], space: ActionSpace) -> str:
        """Pick-and-place steps and pushes, numbered from 1."""
        return " ".join(
            self._motion(number, step, space) for number, step in enumerate(steps, start=1)
        )

    def actions(self, steps: Sequence[Step], space: ActionSpace) -> str:
        """A location per dimension of each step, as many steps as the space has in a chunk."""
        if len(steps) != space.chunk:
            raise TargetError(
                f"the answer has {len(steps)} steps, a chunk of action space {space.name!r} has "
                f"{space.chunk}"
            )
        try:
            fractions = [
                dimension.fraction(value)
                for step in steps
                for dimension, value in zip(space.dimensions, step.values, strict=True)
            ]
        except ValueError as problem:
            raise TargetError(str(problem)) from problem
        return self._decoded(tokens_of(self.vocabulary, np.clip(fractions, 0, 1)))

    def _cuboid(self, cuboid: Cuboid, camera: CameraModel, placement: CanvasPlacement) -> str:
        box = MetricBoxes(
            np.array([cuboid.center]),
            np.array([cuboid.size]),
            quat2mat(cuboid.quaternion_wxyz)[None],
        )
        try:
            return self._decoded(CODEC.encode(self.vocabulary, box, camera, placement)[0])
        except CuboidError:
            if _is_about_the_picture(cuboid, camera, placement):
                raise
            return ""

    def _motion(self, number: int, step: Step, space: ActionSpace) -> str:
        if step.kind not in _PRIMITIVES or step.start is None or step.end is None:
            raise TargetError(
                f"step {number} ({step.name}) is neither a pick-and-place nor a push with poses"
            )
        places = [*self._pose(step.start, space), *self._pose(step.end, space)]
        return step_text(number, _PRIMITIVES[step.kind]).format(*places)

    def _pose(self, pose: Pose2D, space: ActionSpace) -> list[str]:
        """x y yaw; a location stands for n / number of locations, the last for the end, too."""
        x, y, yaw = space.dimensions
        turned = (pose.yaw - yaw.low) % math.tau + yaw.low
        count = len(self.vocabulary.location_ids)
        try:
            fractions = [x.fraction(pose.x), y.fraction(pose.y), yaw.fraction(turned)]
        except ValueError as problem:
            raise TargetError(str(problem)) from problem
        bins = [min(int(np.float32(fraction * count)), count - 1) for fraction in fractions]
        return [self._written([one]) for one in bins]

    def _bins(self, pixels_yx: Sequence[float]) -> npt.NDArray[np.int64]:
        if self.to_canvas is None:
            raise TargetError("the answer has places but there is no picture they lie in")
        tokens = tokens_of(self.vocabulary, self.to_canvas(pixels_yx))
        return self.vocabulary.location_ids[-1] - tokens

    def _written(self, bins: Iterable[int]) -> str:
        last = self.vocabulary.location_ids[-1]
        return self.vocabulary.decode([last - int(one) for one in bins])

    def _decoded(self, tokens: npt.NDArray[np.int64]) -> str:
        return self.vocabulary.decode(tokens.tolist())


def _is_about_the_picture(cuboid: Cuboid, camera: CameraModel, placement: CanvasPlacement) -> bool:
    """Whether a box's centre is before the camera and within what tokens say of the canvas."""
    x, y, z = cuboid.center
    if z <= 0:
        return False
    pixel = np.array([camera.fy * y / z + camera.cy, camera.fx * x / z + camera.cx])
    low, high = CODEC.center
    fractions = placement.fractions_from(pixel)
    return bool(((low <= fractions) & (fractions <= high)).all())
