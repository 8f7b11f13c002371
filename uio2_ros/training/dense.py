"""The image ViT learns to see from dense truth, before the transformer learns to answer.

In the original the ViTs come pre-trained. Here the tokens that the encoder will read are taught
what each patch shows: whether it is of an object, its colour and shape, and its places in the codes
of the location tokens. The heads are thrown away afterwards.
Letters of shapes: B pictures, P patches, O objects, K patches of objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.data.sample import Sample
from uio2_ros.processing.config import CLIP_MEAN, CLIP_STD
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.sim.spec import Colour, Shape
from uio2_ros.training.augmentation import recolored
from uio2_ros.training.location_codes import fourier_codes, soft_cross_entropy

COLOURS, SHAPES = tuple(Colour), tuple(Shape)
BINS = 1000
PLACES = 6
"""Of an object: y1 x1 y2 x2 on the canvas, and x and y of its axis in the action space."""
LEAST_COVER = 0.25
"""Of a patch, how much an object covers for the patch to be of it."""
MOST_OBJECTS = 8
SIDE_SCALE = 4.0
"""Patches: what the distances to an object's sides are divided by."""
NO_OBJECT = UNKNOWN = -1
MEAN, STD = np.array(CLIP_MEAN, np.float32), np.array(CLIP_STD, np.float32)


@dataclass(frozen=True)
class LabelledScene:
    """A picture with its objects, as arrays.

    labels: 0 or 1 + the number of the object. objects: colour, shape, box x1 y1 x2 y2 in pixels,
    place x y as fractions of the action space; NaN where there is no object, or its place is not
    known or outside of that space.
    """

    pixels: npt.NDArray[np.uint8]  # (H, W, 3)
    labels: npt.NDArray[np.uint8]  # (H, W)
    objects: npt.NDArray[np.float32]  # (MOST_OBJECTS, 8)


def scene_of(sample: Sample, space: ActionSpace) -> LabelledScene:
    """What a sample of `simulated_scenes` shows; places are those its plans pick things up at."""
    image = sample.observation.image
    assert image is not None
    labels = np.zeros(image.pixels.shape[:2], np.uint8)
    objects = np.full((MOST_OBJECTS, 8), np.nan, np.float32)
    numbers: dict[str, int] = {}
    for task in sample.tasks:
        if task.instruction.task == "segment" and len(numbers) < MOST_OBJECTS:
            found = task.answer.detections[0]
            number = numbers[found.label] = len(numbers)
            labels[np.asarray(task.answer.pictures[0].pixels, np.uint8) > 0] = number + 1
            colour, shape = found.label.split()
            box = found.box
            kind = COLOURS.index(Colour(colour)), SHAPES.index(Shape(shape))
            objects[number, :6] = (*kind, box.x1, box.y1, box.x2, box.y2)
    for task in sample.tasks:
        plan = task.answer.plan
        if plan is None or plan.steps[0].start is None:
            continue
        said = task.instruction.instruction
        named = sorted((one for one in numbers if one in said), key=said.index)
        if named:
            x, y, _ = space.dimensions
            start = plan.steps[0].start
            if x.low <= start.x <= x.high and y.low <= start.y <= y.high:
                objects[numbers[named[0]], 6:] = x.fraction(start.x), y.fraction(start.y)
    return LabelledScene(image.pixels, labels, objects)


@dataclass(frozen=True)
class Letterbox:
    """A picture scaled about a point and shifted: canvas = scale * pixel + shift."""

    scale: float
    shift_x: float
    shift_y: float


@dataclass(frozen=True)
class DenseBatch:
    """Patches of B pictures and what is true of them."""

    patches: Tensor  # (B, P, D)
    mask: Tensor  # (B, P) bool
    positions: Tensor  # (B, P)
    objects: Tensor  # (B, P) number of the object, NO_OBJECT for none
    colour: Tensor  # (B, O) UNKNOWN where the picture was recoloured
    shape: Tensor  # (B, O)
    places: Tensor  # (B, O, PLACES) bins, -1 unknown

    def to(self, device: torch.device | str) -> DenseBatch:
        """The same batch on another device."""
        return DenseBatch(*(part.to(device) for part in vars(self).values()))


class DenseHeads(nn.Module):
    """Linear readings of a patch's token."""

    codes: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.object_head = nn.Linear(width, 1)
        self.colour_head = nn.Linear(width, len(COLOURS))
        self.shape_head = nn.Linear(width, len(SHAPES))
        self.sides_head = nn.Linear(width, 4)
        self.places_head = nn.Linear(width, PLACES * width)
        self.register_buffer("codes", fourier_codes(BINS, width), persistent=False)


@dataclass(frozen=True)
class DenseScores:
    """Of a batch: the loss, and shares of the patches of objects that are read right."""

    loss: Tensor
    objects: float  # accuracy over all patches
    colour: float
    shape: float
    overlap: float  # IoU above 0.5 of the box by its sides


def dense_scores(heads: DenseHeads, tokens: Tensor, batch: DenseBatch, columns: int) -> DenseScores:
    """What is lost in reading tokens (B, P, E), and how much is read right."""
    shown, number = batch.mask, batch.objects
    of_object = (number != NO_OBJECT) & shown
    seen = heads.object_head(tokens)[..., 0].float()
    loss = F.binary_cross_entropy_with_logits(seen[shown], of_object[shown].float())
    x = tokens[of_object]  # (K, E)
    picture = torch.arange(len(tokens), device=tokens.device)[:, None].expand_as(number)[of_object]
    index = number[of_object]
    colour, shape = batch.colour[picture, index], batch.shape[picture, index]
    said_colour, said_shape = heads.colour_head(x).float(), heads.shape_head(x).float()
    told = colour != UNKNOWN
    if told.any():
        loss = loss + F.cross_entropy(said_colour[told], colour[told])
    loss = loss + F.cross_entropy(said_shape, shape)

    places = batch.places[picture, index]  # (K, PLACES)
    patch = batch.positions[of_object]
    middle = torch.stack([patch // columns, patch % columns], -1).float() + 0.5  # (K, 2) y x
    middle = middle / columns
    box = places[:, :4].float() / (BINS - 1)
    sides = (box - middle.repeat(1, 2)) * columns / SIDE_SCALE
    said_sides = heads.sides_head(x).float()
    loss = loss + 2 * F.smooth_l1_loss(said_sides, sides, beta=0.1)

    coded = heads.places_head(x).view(len(x), PLACES, -1)  # (K, PLACES, E)
    logits = F.linear(coded, heads.codes.to(coded)).float() / heads.codes.shape[1] ** 0.5
    known = places >= 0
    loss = loss + 0.5 * soft_cross_entropy(logits[known], places[known]).mean()
    with torch.no_grad():
        read = middle.repeat(1, 2) + said_sides * SIDE_SCALE / columns
        return DenseScores(
            loss,
            float(((seen > 0) == of_object)[shown].float().mean()),
            float((said_colour.argmax(-1) == colour)[told].float().mean()),
            float((said_shape.argmax(-1) == shape).float().mean()),
            float((overlaps(read, box) > 0.5).float().mean()),
        )


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union (K,) of boxes y1 x1 y2 x2 (K, 4)."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    areas = [(box[:, 2:] - box[:, :2]).clamp(min=0).prod(-1) for box in (one, other)]
    return common / (areas[0] + areas[1] - common).clamp(min=1e-9)


class DenseReader:
    """Draws batches of patches: those of objects and around them, and some of the rest.

    canvas: the side in pixels; patch: that of a patch; kept: patches of each picture. augmented:
    the share of pictures that are scaled and shifted, so that what is seen where varies. recolored:
    the share whose hues are turned, whose colours then are not asked for.
    """

    def __init__(
        self,
        *,
        canvas: int = 320,
        patch: int = 16,
        kept: int = 112,
        augmented: float = 0.7,
        recolored: float = 0.0,
    ) -> None:
        self._canvas, self._patch, self._kept = canvas, patch, kept
        self._augmented, self._recolored = augmented, recolored

    def batch(self, scenes: Iterable[LabelledScene], rng: np.random.Generator) -> DenseBatch:
        """The patches of some scenes."""
        rows = [self._picture(scene, rng) for scene in scenes]
        parts = [np.stack(part) for part in zip(*rows, strict=True)]
        patches, mask, positions, objects, colour, shape, places = map(torch.from_numpy, parts)
        return DenseBatch(patches, mask, positions, objects, colour, shape, places)

    def _picture(
        self, scene: LabelledScene, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.generic], ...]:
        side, p = self._canvas, self._patch
        height, width = scene.labels.shape
        moved = rng.uniform() < self._augmented
        view = self._view(height, width, rng) if moved else _letterboxed(height, width, side)
        warp = np.array([[view.scale, 0, view.shift_x], [0, view.scale, view.shift_y]])
        turned = rng.uniform() < self._recolored
        seen = recolored(scene.pixels, rng) if turned else scene.pixels
        pixels = cv2.warpAffine(seen, warp, (side, side))
        labels: Any = cv2.warpAffine(scene.labels, warp, (side, side), flags=cv2.INTER_NEAREST)
        inside = np.full((height, width), 255, np.uint8)
        real = cv2.warpAffine(inside, warp, (side, side), flags=cv2.INTER_NEAREST)
        objects, places = self._objects(scene.objects, view, moved)
        owner = self._owners(labels, len(objects))
        chosen = self._chosen(owner, real[p // 2 :: p, p // 2 :: p].ravel() > 0, rng)
        grid = side // p
        cut = pixels.reshape(grid, p, grid, p, 3).swapaxes(1, 2).reshape(grid * grid, -1, 3)[chosen]
        values = (cut * np.float32(1 / 255) - MEAN) / STD
        kinds = np.nan_to_num(objects[:, :2]).astype(np.int64)
        if turned:
            kinds[:, 0] = UNKNOWN
        return (
            values.reshape(len(chosen), -1).astype(np.float32),
            real[p // 2 :: p, p // 2 :: p].ravel()[chosen] > 0,
            chosen.astype(np.int64),
            owner[chosen],
            kinds[:, 0],
            kinds[:, 1],
            places,
        )

    def _view(self, height: int, width: int, rng: np.random.Generator) -> Letterbox:
        """As in training of the original: scaled by 3/4 to 4/3, anywhere on the canvas."""
        side = self._canvas
        scale = side / max(height, width) * rng.uniform(0.75, 1.3333)
        free_x, free_y = side - scale * width, side - scale * height
        return Letterbox(scale, free_x * rng.uniform(), free_y * rng.uniform())

    def _objects(
        self, objects: npt.NDArray[np.float32], view: Letterbox, moved: bool
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        corners = objects[:, [3, 2, 5, 4]] * view.scale
        corners += np.array([view.shift_y, view.shift_x] * 2, np.float32)
        fractions = np.concatenate([np.clip(corners / self._canvas, 0, 1), objects[:, 6:]], axis=1)
        bins = np.where(np.isnan(fractions), -1, np.clip(fractions, 0, 1) * (BINS - 1))
        if moved:  # where the table is cannot be told from a part of it
            bins[:, 4:] = -1
        return objects, bins.astype(np.int64)

    def _owners(self, labels: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.int64]:
        """(P,) the object that covers most of each patch; every object has a patch at least."""
        grid, p = self._canvas // self._patch, self._patch
        blocks = labels.reshape(grid, p, grid, p).swapaxes(1, 2).reshape(grid * grid, p * p)
        cover = np.stack([(blocks == k + 1).sum(1) for k in range(count)], axis=1)  # (P, O)
        owner = np.where(cover.max(1) >= LEAST_COVER * p * p, cover.argmax(1), NO_OBJECT)
        for k in range(count):
            if cover[:, k].any() and not (owner == k).any():
                owner[cover[:, k].argmax()] = k
        return owner.astype(np.int64)

    def _chosen(
        self,
        owner: npt.NDArray[np.int64],
        real: npt.NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:
        """Patches of objects first, then those beside them, then others that show something."""
        grid = self._canvas // self._patch
        of_object = (owner != NO_OBJECT).reshape(grid, grid)
        padded = np.pad(of_object, 1)
        beside = np.zeros_like(of_object)
        for y in range(3):
            for x in range(3):
                beside |= padded[y : y + grid, x : x + grid]
        rank = np.where(real, 2.0, 3.0)
        rank[beside.ravel() & real] = 1.0
        rank[of_object.ravel()] = 0.0
        order: npt.NDArray[np.int64] = np.argsort(rank + rng.uniform(0, 0.99, len(rank)))
        return order[: self._kept]


def _letterboxed(height: int, width: int, side: int) -> Letterbox:
    scale = side / max(height, width)
    return Letterbox(scale, (side - scale * width) / 2, (side - scale * height) / 2)
