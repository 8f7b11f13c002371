"""Rotary positions: the tables that turn queries and keys, in one and in two dimensions.

Pairs of channels are interleaved (0 and 1 turn together) and read as complex numbers, so a table
holds one unit complex number per pair and position, (positions, D / 2) complex64. Tables are made
on the CPU even while a model is being built on the meta device.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10000.0


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn x (B, H, S, D) by table (B or 1, S, D / 2), computed in float32, in the dtype of x."""
    assert table.is_complex(), "rotary tables stay complex: cast models with to_dtype()"
    if torch.compiler.is_compiling():
        return _rotate_real(x, torch.view_as_real(table)[:, None])
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))  # (B, H, S, D / 2)
    return torch.view_as_real(pairs * table[:, None]).flatten(-2).to(x.dtype)


def _rotate_real(x: Tensor, table: Tensor) -> Tensor:
    """`rotate` without complex numbers, which torch.compile does not fuse; slower where it is not.

    table (B or 1, 1, S, D / 2, 2): real and imaginary parts.
    """
    cos, sin = table.unbind(-1)
    real, imaginary = x.float().view(*x.shape[:-1], -1, 2).unbind(-1)  # (B, H, S, D / 2) each
    turned = (real * cos - imaginary * sin, real * sin + imaginary * cos)
    return torch.stack(turned, dim=-1).flatten(-2).to(x.dtype)


def table_1d(length: int, head_dim: int) -> Tensor:
    """(length, D / 2): position n turns by n times each frequency."""
    return _unit(_angles(_coordinates(length), head_dim))


def table_2d(rows: int, columns: int, head_dim: int, scale: float = 1.0) -> Tensor:
    """(rows x columns, D / 2), row-major: half the pairs turn with the row, half the column."""
    row = _angles(_coordinates(rows) * scale, head_dim // 2)  # (rows, D / 4)
    column = _angles(_coordinates(columns) * scale, head_dim // 2)  # (columns, D / 4)
    grid = (rows, columns, head_dim // 4)
    angles = torch.cat([row[:, None].expand(grid), column[None].expand(grid)], dim=-1)
    return _unit(angles.flatten(0, 1))


def _coordinates(length: int) -> Tensor:
    return torch.arange(length, dtype=torch.float32, device="cpu")


def _angles(coordinates: Tensor, dim: int) -> Tensor:
    exponents = torch.arange(0, dim, 2, dtype=torch.float32, device="cpu") / dim
    return torch.outer(coordinates, 1.0 / BASE**exponents)  # (N, dim / 2)


def _unit(angles: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(angles), angles)
