"""The two vision transformers: CLIP-style for pictures, AST-style for spectrograms.

Both give the output of their last block and of the block with index 1, without leading tokens.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_2.config import AudioViTConfig, ImageViTConfig
from uio2_ros.model.families.unified_io_2.layers import attention, normal_parameter, split_heads

SECOND_FEATURE_LAYER = 1


class ViTFeatures(NamedTuple):
    """Features of every patch, both (B, P, width)."""

    last: Tensor
    second: Tensor


class ViTAttention(nn.Module):
    """Self-attention with biases."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            split_heads(projection(x), self.heads)  # (B, H, S, D)
            for projection in (self.query, self.key, self.value)
        )
        mixed = attention(query, key, value, mask)
        return self.out_proj(mixed.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


class ViTMLP(nn.Module):
    def __init__(self, dim: int, hidden: int, gelu: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.gelu = nn.GELU(approximate=gelu)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.gelu(self.fc1(x)))  # type: ignore[no-any-return]


class ViTBlock(nn.Module):
    def __init__(self, config: ImageViTConfig | AudioViTConfig, gelu: str, eps: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.emb_dim, eps=eps)
        self.attn = ViTAttention(config.emb_dim, config.num_heads)
        self.ln_2 = nn.LayerNorm(config.emb_dim, eps=eps)
        self.mlp = ViTMLP(config.emb_dim, config.mlp_dim, gelu)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class ImageViT(nn.Module):
    """Patches of a picture -> features; a class token leads, positions follow the patch grid."""

    def __init__(self, config: ImageViTConfig) -> None:
        super().__init__()
        dim = config.emb_dim
        self.embedding = nn.Linear(3 * config.patch_size**2, dim, bias=False)
        self.class_embedding = normal_parameter(dim, std=dim**-0.5)
        self.positional_embedding = normal_parameter(config.num_pos, dim, std=dim**-0.5)
        self.pre_ln = nn.LayerNorm(dim, eps=1e-5)
        self.blocks = nn.ModuleList(
            ViTBlock(config, gelu="none", eps=1e-5) for _ in range(config.num_layers)
        )

    def forward(
        self, patches: Tensor, mask: Tensor, positions: Tensor, grid: tuple[int, int]
    ) -> ViTFeatures:
        """Patches (B, P, 3 p p), mask and positions (B, P) in a grid of (rows, columns) patches."""
        place = torch.cat([self.positional_embedding[:1], self._grid_positions(grid)])
        x = self.embedding(patches.to(self.embedding.weight.dtype)) + place[1 + positions]
        leading = (self.class_embedding + place[0]).expand(len(x), 1, -1)
        x = self.pre_ln(torch.cat([leading, x], dim=1))  # (B, 1 + P, width)
        return run_blocks(self.blocks, x, mask, leading=1)

    def _grid_positions(self, grid: tuple[int, int]) -> Tensor:
        """The learned square table resized to the patch grid: (rows x columns, width)."""
        table = self.positional_embedding[1:]
        side = math.isqrt(len(table))
        if grid == (side, side):
            return table
        square = table.view(side, side, -1).permute(2, 0, 1)[None]  # (1, width, side, side)
        resized = F.interpolate(
            square.float(), size=grid, mode="bicubic", align_corners=False, antialias=True
        )
        return resized[0].flatten(1).T.to(table.dtype)


class AudioViT(nn.Module):
    """Patches of a spectrogram -> features; two tokens lead, positions index the mel-major grid."""

    def __init__(self, config: AudioViTConfig) -> None:
        super().__init__()
        dim = config.emb_dim
        self.transpose_input = config.transpose_input
        self.embedding = nn.Linear(config.patch_size**2, dim)
        self.cls_token = nn.Parameter(torch.zeros(dim))
        self.dist_token = nn.Parameter(torch.zeros(dim))
        self.positional_embedding = nn.Parameter(torch.zeros(config.num_pos, dim))
        self.blocks = nn.ModuleList(
            ViTBlock(config, gelu="tanh", eps=1e-6) for _ in range(config.num_layers)
        )

    def forward(
        self, patches: Tensor, mask: Tensor, positions: Tensor, grid: tuple[int, int]
    ) -> ViTFeatures:
        """Patches (B, P, p p), mask and positions (B, P) in a grid of (time, mel) patches."""
        if self.transpose_input:
            rows, columns = grid
            positions = positions % columns * rows + positions // columns
        x = self.embedding(patches.to(self.embedding.weight.dtype))
        x = x + self.positional_embedding[2 + positions]
        tokens = torch.stack([self.cls_token, self.dist_token]) + self.positional_embedding[:2]
        x = torch.cat([tokens.expand(len(x), 2, -1), x], dim=1)  # (B, 2 + P, width)
        return run_blocks(self.blocks, x, mask, leading=2)


def run_blocks(blocks: nn.ModuleList, x: Tensor, mask: Tensor, leading: int) -> ViTFeatures:
    """Run the blocks; `leading` tokens come before the patches of `mask` and attend to all."""
    keys = F.pad(mask, (leading, 0), value=True)[:, None, None]  # (B, 1, 1, S)
    second = x
    for index, block in enumerate(blocks):
        x = block(x, keys)
        second = x if index == SECOND_FEATURE_LAYER else second
    return ViTFeatures(x[:, leading:], second[:, leading:])
