"""Pictures to codes and back: the convolutional VQGAN of image targets (model.md section 6).

Architecture and tensor names follow Esser et al. 2021, "Taming Transformers for High-Resolution
Image Synthesis". Imports torch and the configuration only.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_2.config import ImageVQGANConfig

LOOKUP_ELEMENTS = 1 << 22  # distances held at once by a codebook lookup, 16 MiB of float32


class ImageVQGAN(nn.Module):
    """The image tokenizer; a state dict holds the names under `target_embedders.image.vqgan`."""

    def __init__(self, config: ImageVQGANConfig) -> None:
        super().__init__()
        self.config = config
        stride = 2 ** (len(config.ch_mult) - 1)
        if config.patch_size != (stride, stride):
            raise ValueError(
                f"image_vqgan: patch_size {config.patch_size} does not fit the {stride}x{stride} "
                f"pixels per code that {len(config.ch_mult)} entries of ch_mult give"
            )
        height, width = config.default_input_size
        if height % stride or width % stride:
            raise ValueError(
                f"image_vqgan: default_input_size {height}x{width} must be multiples of {stride}"
            )
        self.grid = (height // stride, width // stride)
        self.encoder = _encoder(config)
        self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.quantize = Codebook(config.n_embed, config.embed_dim)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        self.decoder = _decoder(config)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Codes (B, h*w) int64, row by row, of images (B, C, H, W) in [-1, 1].

        Raises ValueError for images that are not of the configured size.
        """
        expected = (self.config.in_channels, *self.config.default_input_size)
        if images.ndim != 4 or images.shape[1:] != expected:
            raise ValueError(
                f"images have shape {tuple(images.shape)}, expected (batch, {expected[0]}, "
                f"{expected[1]}, {expected[2]}): resize and pad them first"
            )
        return self.quantize.nearest(self.latents(images).flatten(1, 2))  # (B, h*w)

    def latents(self, images: Tensor) -> Tensor:
        """What is quantised (B, h, w, D) of images (B, C, H, W) whose sides are whole codes."""
        latents: Tensor = self.quant_conv(self.encoder(images))  # (B, D, h, w)
        return latents.permute(0, 2, 3, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Images (B, C, H, W), about [-1, 1] but not clipped, of codes (B, h*w).

        Raises ValueError for a wrong number of codes and for codes outside the codebook.
        """
        rows, columns = self.grid
        if codes.ndim != 2 or codes.shape[1] != rows * columns:
            raise ValueError(
                f"codes have shape {tuple(codes.shape)}, expected (batch, {rows * columns}): one "
                f"per cell of the {rows}x{columns} grid"
            )
        return self.draw(self.quantize(codes.reshape(-1, rows, columns)))

    def draw(self, vectors: Tensor) -> Tensor:
        """Images (B, C, H, W) of the codes' vectors (B, h, w, D)."""
        latents = vectors.permute(0, 3, 1, 2)  # (B, D, h, w)
        images: Tensor = self.decoder(self.post_quant_conv(latents))
        return images


class Codebook(nn.Module):
    """A table of K vectors of dimension D; `unit_norm` compares and returns directions only."""

    def __init__(self, size: int, dim: int, *, unit_norm: bool = False) -> None:
        super().__init__()
        self.unit_norm = unit_norm
        self.embedding = nn.Embedding(size, dim)

    def forward(self, codes: Tensor) -> Tensor:
        """Vectors (..., D) of codes (...); ValueError for codes outside the table."""
        size = self.embedding.num_embeddings
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < size:
            raise ValueError(
                f"codes span {int(codes.min())}..{int(codes.max())}, expected 0..{size - 1}: "
                "generated tokens need their offset subtracted and to be clipped first"
            )
        vectors: Tensor = self.embedding(codes)
        return F.normalize(vectors, dim=-1) if self.unit_norm else vectors

    def nearest(self, vectors: Tensor) -> Tensor:
        """The code (...) of the table's entry nearest to each vector (..., D), in float32."""
        table = self.embedding.weight.float()  # (K, D)
        queries = vectors.reshape(-1, table.shape[1]).float()  # (N, D)
        if self.unit_norm:
            table, queries = F.normalize(table, dim=-1), F.normalize(queries, dim=-1)
        squares = table.square().sum(1)  # (K,): |q - e|^2 = |q|^2 - 2 q.e + |e|^2
        rows = max(1, LOOKUP_ELEMENTS // table.shape[0])
        codes = [
            torch.addmm(squares, part, table.T, alpha=-2).argmin(1)
            for part in torch.split(queries, rows)
        ]
        return torch.cat(codes).view(vectors.shape[:-1])


def _encoder(config: ImageVQGANConfig) -> nn.Sequential:
    """(B, C, H, W) -> (B, Z, h, w)."""
    width, size, top = config.ch, config.resolution, len(config.ch_mult) - 1
    groups = config.norm_groups
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv_in"] = _conv3x3(config.in_channels, width)
    for level, multiple in enumerate(config.ch_mult):
        for block in range(config.num_res_blocks):
            layers[f"down_{level}_block_{block}"] = ResBlock(width, config.ch * multiple, groups)
            width = config.ch * multiple
            if size in config.attn_resolutions:
                layers[f"down_{level}_attn_{block}"] = AttentionBlock(width, groups)
        if level < top:
            layers[f"down_{level}_downsample"] = Downsample(width)
            size //= 2
    layers.update(_middle(width, groups))
    layers.update(_head(width, config.z_channels, groups))
    return nn.Sequential(layers)


def _decoder(config: ImageVQGANConfig) -> nn.Sequential:
    """(B, Z, h, w) -> (B, C, H, W)."""
    top = len(config.ch_mult) - 1
    width, size = config.ch * config.ch_mult[top], config.resolution // 2**top
    groups = config.norm_groups
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv_in"] = _conv3x3(config.z_channels, width)
    layers.update(_middle(width, groups))
    for level, multiple in enumerate(reversed(config.ch_mult)):
        for block in range(config.num_res_blocks + 1):
            layers[f"up_{level}_block_{block}"] = ResBlock(width, config.ch * multiple, groups)
            width = config.ch * multiple
            if size in config.attn_resolutions:
                layers[f"up_{level}_attn_{block}"] = AttentionBlock(width, groups)
        if level < top:
            layers[f"up_{level}_upsample"] = Upsample(width)
            size *= 2
    layers.update(_head(width, config.out_ch, groups))
    return nn.Sequential(layers)


def _middle(width: int, groups: int) -> dict[str, nn.Module]:
    return {
        "mid_block_1": ResBlock(width, width, groups),
        "mid_attn_1": AttentionBlock(width, groups),
        "mid_block_2": ResBlock(width, width, groups),
    }


def _head(width: int, channels: int, groups: int) -> dict[str, nn.Module]:
    return {
        "norm_out": _norm(width, groups),
        "activation_out": nn.SiLU(),
        "conv_out": _conv3x3(width, channels),
    }


class ResBlock(nn.Module):
    """Two normalised 3x3 convolutions beside a shortcut, 1x1 where the width changes."""

    def __init__(self, width_in: int, width_out: int, groups: int) -> None:
        super().__init__()
        self.norm1 = _norm(width_in, groups)
        self.conv1 = _conv3x3(width_in, width_out)
        self.norm2 = _norm(width_out, groups)
        self.conv2 = _conv3x3(width_out, width_out)
        self.nin_shortcut = (
            nn.Conv2d(width_in, width_out, 1) if width_in != width_out else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        y: Tensor = self.nin_shortcut(x) + h
        return y


class AttentionBlock(nn.Module):
    """Single-head self-attention over all cells of the grid."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = _norm(width, groups)
        self.q = nn.Conv2d(width, width, 1)
        self.k = nn.Conv2d(width, width, 1)
        self.v = nn.Conv2d(width, width, 1)
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)  # (B, C, h, w)
        q, k, v = (
            conv(h).flatten(2).transpose(1, 2)[:, None] for conv in (self.q, self.k, self.v)
        )  # (B, 1, h*w, C)
        y = F.scaled_dot_product_attention(q, k, v)[:, 0]  # (B, h*w, C)
        mixed: Tensor = self.proj_out(y.transpose(1, 2).reshape(x.shape))  # (B, C, h, w)
        return x + mixed


class Downsample(nn.Module):
    """Half the size by a strided convolution, padded below and on the right only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return y


class Upsample(nn.Module):
    """Twice the size by nearest neighbours and a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = _conv3x3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return y


def _norm(width: int, groups: int) -> nn.GroupNorm:
    return nn.GroupNorm(groups, width, eps=1e-6)


def _conv3x3(width_in: int, width_out: int) -> nn.Conv2d:
    return nn.Conv2d(width_in, width_out, 3, padding=1)
