"""Pictures on the square canvas of Unified-IO 1, top left, and its pictures back on theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import interpolate

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)


def scaled_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Height and width on a canvas of `side`; truncated, so some longer sides lose a pixel."""
    scale = side / max(height, width)
    return int(height * scale), int(width * scale)


def fit(pixels: Pixels, side: int) -> tuple[Floats, Bools]:
    """(side, side, 3) in [0, 1], black around the picture, and (side, side): where it is."""
    height, width = scaled_shape(pixels.shape[0], pixels.shape[1], side)
    canvas, mask = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.bool_)
    canvas[:height, :width] = _resized(pixels, (max(height, 1), max(width, 1)))[:height, :width]
    mask[:height, :width] = True
    return canvas, mask


def _resized(pixels: Pixels, shape: tuple[int, int]) -> Floats:
    """Antialiased bilinear, in float64 as in training."""
    values = pixels.astype(np.float64) / 255
    if shape == pixels.shape[:2]:
        return values.astype(np.float32)
    planes = torch.from_numpy(values).permute(2, 0, 1)[None]
    resized = interpolate(planes, shape, mode="bilinear", align_corners=False, antialias=True)
    return resized[0].permute(1, 2, 0).clamp_(0, 1).float().numpy()


def normalized(canvas: Floats) -> Floats:
    """What the encoder is shown of a canvas, the black around the picture included."""
    return (canvas - MEAN) / STD


def to_patches(canvas: Floats, mask: Bools, size: int) -> tuple[Floats, Bools]:
    """(P, size * size * 3) row by row, and (P,): whether the first pixel of each is a picture's."""
    rows, columns = canvas.shape[0] // size, canvas.shape[1] // size
    cells = canvas.reshape(rows, size, columns, size, 3).transpose(0, 2, 1, 3, 4)
    return cells.reshape(rows * columns, -1), mask[::size, ::size].reshape(-1)


def without_region(mask: Bools, box: tuple[float, ...], shape: tuple[int, int]) -> Bools:
    """The mask without a box x1 y1 x2 y2 in pixels of a picture of a shape (H, W)."""
    side = mask.shape[0]
    x1, y1, x2, y2 = np.round(np.array(box) / max(shape) * side).astype(int)
    kept: Bools = mask.copy()
    kept[y1:y2, x1:x2] = False
    return kept


def to_picture(dense: Floats | Pixels, shape: tuple[int, int], *, nearest: bool = True) -> Floats:
    """A square output (S, S, ...) put back on a picture of a shape (H, W); in [0, 1] (H, W, ...).

    Depth, normals and masks lie on the canvas as the picture did.
    """
    side = dense.shape[0]
    height, width = shape
    ratio = side / max(height, width)
    rows, columns = max(1, int(ratio * height)), max(1, int(ratio * width))
    kept = dense[:rows] if height <= width else dense[:, :columns]
    scale = np.float32(1 / 255 if dense.dtype == np.uint8 else 1)
    values = np.multiply(kept, scale, dtype=np.float32)
    if nearest:
        y = np.floor(np.arange(height) * (values.shape[0] / height)).astype(np.intp)
        x = np.floor(np.arange(width) * (values.shape[1] / width)).astype(np.intp)
        placed: Floats = values[y[:, None], x]
        return placed
    planes = torch.from_numpy(values.reshape(*values.shape[:2], -1)).permute(2, 0, 1)[None]
    resized = interpolate(planes, shape, mode="bilinear", align_corners=False)
    return resized[0].permute(1, 2, 0).reshape(height, width, *dense.shape[2:]).numpy()
