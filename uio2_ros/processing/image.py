"""Pictures to the patches of a vision transformer, and picture targets (model.md section 2)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import interpolate

from uio2_ros.media.pictures import decode_rgb
from uio2_ros.model.example import Bools, Floats, PatchInput
from uio2_ros.processing.config import PictureSettings
from uio2_ros.processing.geometry import ImageInfo, letterbox
from uio2_ros.processing.patches import to_patches
from uio2_ros.robot.errors import InvalidInputError

_T = TypeVar("_T", bound=np.generic)
Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Source = str | os.PathLike[str]
"""A file."""

ASPECT_TOLERANCE = 0.02
"""How far the aspect ratios of an input picture and a target of another resolution may differ."""


def read_picture(source: Pixels | str | os.PathLike[str], name: str = "image") -> Pixels:
    """The RGB pixels (H, W, 3) of an array or an image file; `name` is what errors call it."""
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source).expanduser(), name)
    if not isinstance(source, np.ndarray):
        raise InvalidInputError(
            f"{name} must be an RGB array (H, W, 3) or a path, got {type(source).__name__}"
        )
    if source.ndim != 3 or source.shape[2] != 3:
        raise InvalidInputError(
            f"{name} must be RGB of shape (H, W, 3), got shape {source.shape}; convert it first"
        )
    if source.dtype != np.uint8:
        raise InvalidInputError(f"{name} must be uint8 (0 to 255), got {source.dtype}")
    if source.size == 0:
        raise InvalidInputError(f"{name} has no pixels: its shape is {source.shape}")
    return source


def _read_file(path: Path, name: str) -> Pixels:
    try:
        return decode_rgb(path.read_bytes())
    except OSError as error:
        raise InvalidInputError(f"cannot read the {name} file {path}: {error.strerror}") from error
    except InvalidInputError as problem:
        raise InvalidInputError(
            f"the {name} file {path} is not a picture that can be read (JPEG, PNG, ...): {problem}"
        ) from problem


def fit(pixels: Pixels, canvas: tuple[int, int]) -> tuple[Floats, ImageInfo]:
    """The picture in [0, 1] on a black canvas (height, width, 3), and where it lies there."""
    info = letterbox(pixels.shape[0], pixels.shape[1], canvas)
    scaled = np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)
    if info.scaled_shape != pixels.shape[:2]:
        scaled = _resize(scaled, info.scaled_shape)
    return _place(scaled, info, canvas), info


def _resize(picture: Floats, shape: tuple[int, int]) -> Floats:
    """Antialiased bilinear: (H, W, C) in [0, 1] to (*shape, C)."""
    planes = torch.from_numpy(picture).permute(2, 0, 1)[None]  # (1, C, H, W), channels last
    resized = interpolate(planes, shape, mode="bilinear", align_corners=False, antialias=True)
    return resized[0].permute(1, 2, 0).clamp_(0, 1).numpy()


def _place(picture: Floats, info: ImageInfo, canvas: tuple[int, int]) -> Floats:
    placed = np.zeros((*canvas, picture.shape[2]), np.float32)
    placed[_area(info)] = picture
    return placed


def _area(info: ImageInfo) -> tuple[slice, slice]:
    """The rows and columns of the canvas that show the picture."""
    (top, left), (height, width) = info.corner, info.scaled_shape
    return slice(top, top + height), slice(left, left + width)


def canvas_mask(info: ImageInfo, canvas: tuple[int, int]) -> Bools:
    """(height, width): where the canvas shows the picture."""
    mask = np.zeros(canvas, np.bool_)
    mask[_area(info)] = True
    return mask


def picture_input(
    pixels: Pixels, settings: PictureSettings, rng: np.random.Generator
) -> tuple[PatchInput, ImageInfo]:
    """The patches of a picture for its ViT, and where it lies on the canvas."""
    canvas, info = fit(pixels, settings.size)
    canvas -= np.asarray(settings.mean, np.float32)
    canvas /= np.asarray(settings.std, np.float32)
    mask = canvas_mask(info, settings.size)
    return to_patches(canvas, mask, settings.patch_size, settings.samples, rng), info


def picture_target(pixels: Pixels, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """A picture to generate from nothing: (*size, 3) in [0, 1] and its mask (*size)."""
    canvas, info = fit(pixels, size)
    return canvas, canvas_mask(info, size).astype(np.float32)


def dense_target(
    pixels: Pixels, info: ImageInfo, canvas: tuple[int, int], size: tuple[int, int]
) -> tuple[Floats, Floats]:
    """A target that belongs to an input picture (depth, mask): letterboxed with it, then resized.

    info and canvas are those of the input picture. Gives (*size, 3) in [0, 1] and its mask (*size).
    """
    height, width = pixels.shape[:2]
    if abs(height * info.width / (width * info.height) - 1) > ASPECT_TOLERANCE:
        raise InvalidInputError(
            f"image_target of {width} x {height} pixels does not belong to the image of "
            f"{info.width:.0f} x {info.height:.0f}; expected the same aspect ratio"
        )
    scaled = _nearest(pixels, info.scaled_shape).astype(np.float32) * np.float32(1 / 255)
    mask = canvas_mask(info, canvas).astype(np.float32)
    return _nearest(_place(scaled, info, canvas), size), _nearest(mask, size)


def to_picture(
    dense: Floats | npt.NDArray[np.uint8], info: ImageInfo, *, nearest: bool = False
) -> Floats:
    """A dense output for an input picture (depth, normals, mask) put back on that picture.

    dense: (S, S) or (S, S, C), in [0, 1] or uint8, generated on the letterboxed canvas. It is
    resized to the square of the picture's longer side, of which the picture is the centre band;
    bilinear, or by nearest neighbours for masks. Gives (H, W) or (H, W, C) in [0, 1].
    Raises ValueError for an output that is not square and for a picture that the training
    augmentation cropped.
    """
    if dense.ndim not in (2, 3) or dense.shape[0] != dense.shape[1]:
        raise ValueError(f"a dense output must be (S, S) or (S, S, channels), got {dense.shape}")
    if info.offset_y or info.offset_x:
        raise ValueError("a dense output of a randomly cropped picture cannot be put back on it")
    scale = np.float32(1 / 255 if dense.dtype == np.uint8 else 1)
    values: Floats = np.multiply(dense, scale, dtype=np.float32)
    height, width = int(info.height), int(info.width)
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    band = slice(top, top + height), slice(left, left + width)
    if nearest:
        sources = _sources(len(values), side)
        placed: Floats = values[sources[band[0], None], sources[band[1]]]
        return placed
    planes = values.reshape(*values.shape[:2], -1)
    return _resize(planes, (side, side))[band].reshape(height, width, *dense.shape[2:])


def _nearest(values: npt.NDArray[_T], shape: tuple[int, int]) -> npt.NDArray[_T]:
    """Nearest neighbour with half-pixel centres over the first two axes."""
    rows, columns = (_sources(*sides) for sides in zip(values.shape, shape, strict=False))
    return values[rows[:, None], columns]


def _sources(source: int, target: int) -> npt.NDArray[np.intp]:
    """Which of `source` samples each of `target` samples is nearest to."""
    scale = np.float32(source) / np.float32(target)
    positions = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale
    nearest: npt.NDArray[np.intp] = np.minimum(positions.astype(np.intp), source - 1)
    return nearest
