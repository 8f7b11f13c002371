"""3D boxes: twelve location tokens <-> metric oriented boxes (model.md section 9). No torch.

The tokens of a box, in the order of the training prompt: its projected centre (2), its virtual
depth (1), the logarithms of its size (3) and its allocentric rotation (6).

A box has axes of its own. Stand before an upright cupboard and look at its side: the box's x axis
runs along its length, to your right; y down along its height; z along its width, away from you
(Omni3D's convention, arXiv 2207.10660). Its rotation is the identity where these are the axes of
the camera's optical frame: x right, y down, z forward. Turned by 90 degrees about y, the length
points away from the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transforms3d.quaternions import mat2quat

from uio2_ros.decoding.placement import CanvasPlacement
from uio2_ros.decoding.quantities import (
    Floats,
    Ids,
    Range,
    fractions_from,
    fractions_of,
    tokens_of,
    values_from,
)
from uio2_ros.decoding.rotations import first_columns, rotations_of, spans_no_plane, towards
from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.robot.camera_model import CameraModel

CUBOID_TOKENS = 12
DEPTH_TOKEN = 2
ROTATION_TOKENS = slice(6, 12)
CENTER, DEPTH = Range(-0.1, 1.1), Range(-0.001, 0.1)
LOG_SIZE, ROTATION = Range(0.0, 6.0), Range(-1.0, 1.0)
_NAMES = (
    ("the centre's y", "the centre's x", "the virtual depth")
    + tuple(f"the logarithm of the {side}" for side in ("width", "height", "length"))
    + tuple(f"number {number} of the rotation" for number in range(1, 7))
)


class CuboidError(ValueError):
    """A box that tokens cannot say, or tokens that say no box; the message names the number."""


@dataclass(frozen=True)
class MetricBoxes:
    """N oriented boxes in a camera's optical frame, metres.

    sizes are the extents along each box's own x (length), y (height) and z (width); rotations take
    directions of the box to directions of the camera.
    """

    centers: Floats  # (N, 3)
    sizes: Floats  # (N, 3)
    rotations: Floats  # (N, 3, 3)

    def __post_init__(self) -> None:
        count = len(self.centers)
        shapes = ((count, 3), (count, 3), (count, 3, 3))
        given = (self.centers.shape, self.sizes.shape, self.rotations.shape)
        if given != shapes:
            raise CuboidError(f"boxes have the shapes {shapes}, got {given}")

    @property
    def quaternions_wxyz(self) -> Floats:
        """(N, 4)"""
        quaternions: Floats = np.array([mat2quat(matrix) for matrix in self.rotations])
        return quaternions.reshape(-1, 4)

    @property
    def corners(self) -> Floats:
        """(N, 8, 3): the corners; x changes slowest and z fastest, each from - to +."""
        signs = np.stack(np.meshgrid(*[(-0.5, 0.5)] * 3, indexing="ij"), axis=-1).reshape(8, 3)
        offsets = signs * self.sizes[:, None, :]  # (N, 8, 3)
        corners: Floats = self.centers[:, None] + offsets @ np.swapaxes(self.rotations, 1, 2)
        return corners


@dataclass(frozen=True)
class CuboidCodec:
    """How boxes are written as tokens; every number can be set, since no public code reads them.

    center: of the canvas the model saw, as fractions y then x, as all locations of the model.
    depth: z (focal_px / f) (H / height_px) / depth_unit_m, with the camera's vertical focal length
    f and the height H of what was shown of the picture, both in pixels of the original (Cube
    R-CNN's virtual depth). In thousands of metres the released range [-0.001, 0.1] covers 100 m.
    size: the logarithm to log_base of (side + size_offset_m) / size_unit_m, of width, height and
    length in this order (Omni3D's): by default log(1 + metres), which covers 0 m to 402 m.
    rotation: the first two columns of the allocentric rotation (the one that a camera turned to
    the box would see), the first column's three numbers first.

    Values outside a range are refused, or cut to it with clip=True. Ranges: model.md section 9.
    """

    center: Range = CENTER
    depth: Range = DEPTH
    size: Range = LOG_SIZE
    rotation: Range = ROTATION
    focal_px: float = 512.0
    height_px: float = 512.0
    depth_unit_m: float = 1000.0
    log_base: float = math.e
    size_offset_m: float = 1.0
    size_unit_m: float = 1.0

    def __post_init__(self) -> None:
        for ends in (self.center, self.depth, self.size, self.rotation):
            if not (np.isfinite(ends).all() and ends.low < ends.high):
                raise CuboidError(f"a codec's ranges are finite and rise, got {ends}")
        positive = (self.focal_px, self.height_px, self.depth_unit_m, self.size_unit_m)
        if not (np.isfinite(positive).all() and min(positive) > 0 and self.depth.high > 0):
            raise CuboidError(
                f"a codec's focal length, height, units and depth are > 0, got {self}"
            )
        if not (1 < self.log_base < math.inf and 0 <= self.size_offset_m < math.inf):
            raise CuboidError(
                f"a codec's logarithm needs a base > 1 and an offset >= 0, got {self.log_base:g} "
                f"and {self.size_offset_m:g}"
            )

    @property
    def ranges(self) -> tuple[Range, ...]:
        """What each of the twelve tokens covers."""
        return (self.center,) * 2 + (self.depth,) + (self.size,) * 3 + (self.rotation,) * 6

    def quantities(self, vocabulary: Vocabulary, tokens: npt.ArrayLike) -> Floats:
        """(..., 12) tokens to the numbers they stand for, each in its range."""
        ids = np.asarray(tokens, np.int64)
        if ids.shape[-1:] != (CUBOID_TOKENS,):
            raise CuboidError(f"a box has {CUBOID_TOKENS} tokens, got an array of {ids.shape}")
        return values_from(fractions_of(vocabulary, ids), self.ranges)

    def decode(
        self,
        vocabulary: Vocabulary,
        tokens: npt.ArrayLike,
        camera: CameraModel,
        placement: CanvasPlacement,
    ) -> MetricBoxes:
        """(N, 12) tokens to boxes in the camera's optical frame.

        A side that comes out below zero (a codec's offset may make it so) is zero. Raises
        CuboidError for tokens of which no box can be made: a depth of zero or less, or columns that
        are zero or parallel. The grammar `labelled_cuboids` allows neither.
        """
        numbers = self.quantities(vocabulary, tokens).reshape(-1, CUBOID_TOKENS)
        self._check(numbers)
        z = numbers[:, DEPTH_TOKEN] * self._metres_per_depth(camera, placement)
        pixels = placement.pixels_from(numbers[:, :2])[:, ::-1]  # x, y
        centers = np.column_stack([z[:, None] * camera.rays(pixels), z])
        sides = self.log_base ** numbers[:, 3:6] * self.size_unit_m - self.size_offset_m
        allocentric = rotations_of(numbers[:, ROTATION_TOKENS])
        return MetricBoxes(
            centers,
            np.maximum(sides, 0.0)[:, ::-1],  # width, height, length -> x, y, z
            towards(centers) @ allocentric,
        )

    def encode(
        self,
        vocabulary: Vocabulary,
        boxes: MetricBoxes,
        camera: CameraModel,
        placement: CanvasPlacement,
        *,
        clip: bool = False,
    ) -> Ids:
        """Boxes to (N, 12) tokens.

        Raises CuboidError for boxes that are not finite, have negative sizes or lie behind the
        camera, and, without clip, for those outside a range.
        """
        self._check_boxes(boxes)
        z = boxes.centers[:, 2]
        pixels = camera.project(boxes.centers)[:, ::-1]  # y, x
        sides = (boxes.sizes[:, ::-1] + self.size_offset_m) / self.size_unit_m
        with np.errstate(divide="ignore"):  # a side of zero without an offset: refused or clipped
            logarithms = np.log(sides) / math.log(self.log_base)
        allocentric = np.swapaxes(towards(boxes.centers), 1, 2) @ boxes.rotations
        numbers = np.concatenate(
            [
                placement.fractions_from(pixels),
                z[:, None] / self._metres_per_depth(camera, placement),
                np.maximum(logarithms, self.size.low) if clip else logarithms,
                first_columns(allocentric),
            ],
            axis=1,
        )
        try:
            return tokens_of(vocabulary, fractions_from(numbers, self.ranges, _NAMES, clip=clip))
        except ValueError as problem:
            raise CuboidError(str(problem)) from problem

    def describes_a_depth(self, vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
        """Of all location tokens in the order of their ids, which put a box before the camera."""
        fractions = fractions_of(vocabulary, vocabulary.location_ids)
        ahead: npt.NDArray[np.bool_] = values_from(fractions[:, None], (self.depth,))[:, 0] > 0
        return ahead

    def rotation_numbers(self, vocabulary: Vocabulary) -> Floats:
        """What all location tokens, in the order of their ids, are as numbers of a rotation."""
        fractions = fractions_of(vocabulary, vocabulary.location_ids)
        return values_from(fractions[:, None], (self.rotation,))[:, 0]

    def _metres_per_depth(self, camera: CameraModel, placement: CanvasPlacement) -> float:
        to_camera = camera.fy / self.focal_px
        return self.depth_unit_m * to_camera * self.height_px / placement.picture_height

    def _check(self, numbers: Floats) -> None:
        behind = numbers[:, DEPTH_TOKEN] <= 0
        if behind.any():
            depth = numbers[behind, DEPTH_TOKEN][0]
            raise CuboidError(
                f"box {int(behind.argmax())} has the virtual depth {depth:g}; a box seen by the "
                "camera has one above 0"
            )
        flat = spans_no_plane(numbers[:, ROTATION_TOKENS])
        if flat.any():
            raise CuboidError(
                f"the rotation of box {int(flat.argmax())} is no rotation: its columns "
                f"{numbers[flat, 6:9][0].round(3).tolist()} and "
                f"{numbers[flat, 9:12][0].round(3).tolist()} are zero or parallel"
            )

    def _check_boxes(self, boxes: MetricBoxes) -> None:
        for name, values in (("centre", boxes.centers), ("size", boxes.sizes)):
            if not np.isfinite(values).all():
                raise CuboidError(f"a box has a {name} that is not finite")
        if (boxes.sizes < 0).any():
            raise CuboidError("a box has a negative size; sizes are 0 m or more")
        if (boxes.centers[:, 2] <= 0).any():
            raise CuboidError("a box's centre lies behind the camera; give boxes with z > 0")
        identity = boxes.rotations @ np.swapaxes(boxes.rotations, 1, 2)
        proper = np.isclose(np.linalg.det(boxes.rotations), 1.0, atol=1e-6)
        if not (np.allclose(identity, np.eye(3), atol=1e-6) and proper.all()):
            raise CuboidError("a box's rotation is no rotation matrix: R R^T must be 1, det R too")
