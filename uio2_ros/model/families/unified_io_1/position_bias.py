"""How far apart two positions are, as a bias of attention (T5's buckets, and those of a grid).

Letters of shapes: H heads, Q queries, K keys.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

EPSILON = torch.finfo(torch.float32).eps
GRID_BUCKETS = 8  # of a distance along one axis; 4 quadrants of 8 x 8 make the 256 of a picture
GRID_EXACT, GRID_MAX = 4, 20


def text_buckets(
    queries: Tensor, keys: Tensor, *, buckets: int, max_distance: int, bidirectional: bool
) -> Tensor:
    """The bucket (Q, K) of every pair of positions (Q,), (K,): near ones exactly, far ones in bins.

    Source: Raffel et al. 2020, and its code. One-directional buckets see what came before only.
    """
    distance = queries[:, None] - keys[None, :]  # (Q, K), positive for keys before the query
    side = torch.zeros_like(distance)
    if bidirectional:
        buckets //= 2
        side = (distance < 0) * buckets
        distance = distance.abs()
    else:
        distance = distance.clamp(min=0)
    return side + _bins(distance, buckets // 2, buckets, max_distance)


def grid_buckets(queries: Tensor, keys: Tensor, columns: int) -> Tensor:
    """The bucket (Q, K) of every pair of cells (Q,), (K,) of a grid, numbered row by row."""
    right = (queries % columns)[:, None] - (keys % columns)[None, :]
    below = (queries // columns)[:, None] - (keys // columns)[None, :]
    quadrant = torch.zeros_like(right)
    quadrant[(right > 0) & (below <= 0)] = 1
    quadrant[(right < 0) & (below >= 0)] = 2
    quadrant[(right <= 0) & (below < 0)] = 3
    across = _bins(right.abs(), GRID_EXACT, GRID_BUCKETS, GRID_MAX)
    down = _bins(below.abs(), GRID_EXACT, GRID_BUCKETS, GRID_MAX)
    return (quadrant * GRID_BUCKETS + down) * GRID_BUCKETS + across


def _bins(distance: Tensor, exact: int, buckets: int, max_distance: int) -> Tensor:
    """Distances below `exact` are their own bin; the others share the rest by their logarithm."""
    ratio = torch.log(distance.float() / exact + EPSILON) / math.log(max_distance / exact)
    far = (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
    return torch.where(distance < exact, distance, far)


class RelativeBias(nn.Module):
    """A bias for every bucket and head, of text among text and of a picture within itself."""

    def __init__(
        self, heads: int, buckets: int, max_distance: int, columns: int, *, bidirectional: bool
    ) -> None:
        super().__init__()
        self.buckets, self.max_distance = buckets, max_distance
        self.columns, self.bidirectional = columns, bidirectional
        self.rel_embedding = nn.Parameter(torch.zeros(heads, buckets))
        self.image_rel_embedding = nn.Parameter(torch.zeros(heads, 4 * GRID_BUCKETS**2))

    def forward(self, text: int, cells: int) -> Tensor:
        """(H, S, S) for `text` words and then `cells` of the grid; 0 between the two."""
        device = self.rel_embedding.device
        words, grid = torch.arange(text, device=device), torch.arange(cells, device=device)
        bias = self.rel_embedding.new_zeros(len(self.rel_embedding), text + cells, text + cells)
        among_words = text_buckets(
            words,
            words,
            buckets=self.buckets,
            max_distance=self.max_distance,
            bidirectional=self.bidirectional,
        )
        bias[:, :text, :text] = self.rel_embedding[:, among_words]
        bias[:, text:, text:] = self.image_rel_embedding[:, grid_buckets(grid, grid, self.columns)]
        return bias
