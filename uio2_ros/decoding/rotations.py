"""Rotation matrices, many at a time: six numbers each, and the ray they are seen along. numpy only.

Optical frames: x right, y down, z forward.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMALLEST_ANGLE = 1e-3
"""Radians between two columns below which they span no plane."""


def first_columns(rotations: Floats) -> Floats:
    """(N, 3, 3) to (N, 6): the first column of each matrix, then the second (Zhou et al. 2019)."""
    columns: Floats = np.concatenate([rotations[:, :, 0], rotations[:, :, 1]], axis=-1)
    return columns


def spans_no_plane(six: Floats) -> npt.NDArray[np.bool_]:
    """(..., 6) to (...): whether a column is zero or both are parallel: no rotation."""
    first, second = six[..., :3], six[..., 3:]
    squares = (first * first).sum(-1) * (second * second).sum(-1)
    along = (first * second).sum(-1)
    degenerate: npt.NDArray[np.bool_] = squares - along * along <= SMALLEST_ANGLE**2 * squares
    return degenerate


def rotations_of(six: Floats) -> Floats:
    """(N, 6) to (N, 3, 3) by Gram-Schmidt: the first column keeps its direction.

    The columns need not have length 1. Those that span no plane are the caller's to refuse.
    """
    first = _unit(six[:, :3])
    along = (first * six[:, 3:]).sum(-1, keepdims=True)
    second = _unit(six[:, 3:] - along * first)
    matrices: Floats = np.stack([first, second, np.cross(first, second)], axis=-1)
    return matrices


def towards(points: Floats) -> Floats:
    """(N, 3) points in front of the camera to (N, 3, 3): the turns of the optical axis to them.

    Each is the shortest turn, about an axis across both. allocentric -> egocentric rotation of an
    object there: towards(center) @ allocentric (Cube R-CNN, arXiv 2207.10660).
    """
    x, y, z = np.moveaxis(_unit(points), -1, 0)
    scale = 1 / (1 + z)
    rows = [
        [1 - scale * x * x, -scale * x * y, x],
        [-scale * x * y, 1 - scale * y * y, y],
        [-x, -y, z],
    ]
    matrices: Floats = np.moveaxis(np.array(rows), -1, 0)
    return matrices


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
