"""Rotary positions: the tables that turn queries and keys, in one and in two dimensions.

A table row holds what one position needs, (2, D): the cosine of every channel's angle and its
sine with the sign of the pair's other half (pairs are interleaved: channels 0 and 1 turn together).
Tables are float32 and are made on the CPU even while a model is being built on the meta device.
"""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10000.0


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn x (B, H, S, D) by table (B or 1, S, 2, D), computed in float32, in the dtype of x."""
    assert table.dtype == torch.float32, "rotary tables stay float32: cast models with cast_()"
    cos, sin = table.unsqueeze(1).unbind(-2)  # (B, 1, S, D)
    y = x.float()
    swapped = y.view(*y.shape[:-1], -1, 2).flip(-1).flatten(-2)  # (B, H, S, D)
    return torch.addcmul(y * cos, swapped, sin).to(x.dtype)


def table_1d(length: int, head_dim: int) -> Tensor:
    """(length, 2, D): position n turns by n times each frequency."""
    return _table(_angles(_coordinates(length), head_dim))


def table_2d(rows: int, columns: int, head_dim: int, scale: float = 1.0) -> Tensor:
    """(rows x columns, 2, D), row-major: half the pairs turn with the row, half with the column."""
    row = _angles(_coordinates(rows) * scale, head_dim // 2)  # (rows, D / 4)
    column = _angles(_coordinates(columns) * scale, head_dim // 2)  # (columns, D / 4)
    grid = (rows, columns, head_dim // 4)
    angles = torch.cat([row[:, None].expand(grid), column[None].expand(grid)], dim=-1)
    return _table(angles.flatten(0, 1))


def _coordinates(length: int) -> Tensor:
    return torch.arange(length, dtype=torch.float32, device="cpu")


def _angles(coordinates: Tensor, dim: int) -> Tensor:
    exponents = torch.arange(0, dim, 2, dtype=torch.float32, device="cpu") / dim
    return torch.outer(coordinates, 1.0 / BASE**exponents)  # (N, dim / 2)


def _table(angles: Tensor) -> Tensor:
    cos = angles.cos().repeat_interleave(2, dim=-1)  # (N, D)
    sin = torch.stack([-angles.sin(), angles.sin()], dim=-1).flatten(-2)  # (N, D)
    return torch.stack([cos, sin], dim=-2)
