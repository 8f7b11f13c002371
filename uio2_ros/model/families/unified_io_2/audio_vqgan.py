"""Sound to codes and back: the transformer VQGAN of audio targets (model.md section 6).

Architecture of Yu et al. 2021, "Vector-quantized Image Modeling with Improved VQGAN", on mel
spectrograms. Imports torch, the configuration and the codebook of the image VQGAN only.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uio2_ros.model.families.unified_io_2.config import AudioVQGANConfig
from uio2_ros.model.families.unified_io_2.image_vqgan import Codebook

NORM_EPS = 1e-6


class AudioViTVQGAN(nn.Module):
    """The audio tokenizer; a state dict holds the names under `target_embedders.audio.vqgan`.

    The transformers read the grid of patches mel row by mel row; codes leave and enter in storage
    order, time step by time step, which is the order in which the model generates them.
    """

    def __init__(self, config: AudioVQGANConfig) -> None:
        super().__init__()
        self.config = config
        (mels, frames), (patch_mels, patch_frames) = config.default_input_size, config.patch_size
        if mels % patch_mels or frames % patch_frames:
            raise ValueError(
                f"audio_vqgan: default_input_size {mels}x{frames} is no multiple of patch_size "
                f"{patch_mels}x{patch_frames}"
            )
        self.grid = (mels // patch_mels, frames // patch_frames)
        self.quantize = Codebook(config.vocab_size, config.proj_dim, unit_norm=True)
        self.encoder = Encoder(config, self.grid)
        self.decoder = Decoder(config, self.grid)

    @torch.no_grad()
    def encode(self, spectrograms: Tensor) -> Tensor:
        """Codes (B, h*w) int64 in storage order of normalised spectrograms (B, 1, mels, frames).

        Raises ValueError for spectrograms that are not of the configured size.
        """
        expected = (self.config.output_channel, *self.config.default_input_size)
        if spectrograms.ndim != 4 or spectrograms.shape[1:] != expected:
            raise ValueError(
                f"spectrograms have shape {tuple(spectrograms.shape)}, expected (batch, "
                f"{expected[0]}, {expected[1]} mels, {expected[2]} frames)"
            )
        codes = self.quantize.nearest(self.latents(spectrograms))  # (B, h*w)
        return codes.view(-1, *self.grid).transpose(1, 2).flatten(1)  # (B, w*h)

    def latents(self, spectrograms: Tensor) -> Tensor:
        """What is quantised (B, h*w, D), mel row by mel row, of (B, 1, mels, frames)."""
        latents: Tensor = self.encoder(spectrograms)
        return latents

    def decode(self, codes: Tensor) -> Tensor:
        """Normalised spectrograms (B, 1, mels, frames) of codes (B, h*w) in storage order.

        Raises ValueError for a wrong number of codes and for codes outside the codebook.
        """
        rows, columns = self.grid
        if codes.ndim != 2 or codes.shape[1] != rows * columns:
            raise ValueError(
                f"codes have shape {tuple(codes.shape)}, expected (batch, {rows * columns}): "
                f"{columns} time steps of {rows}"
            )
        codes = codes.reshape(-1, columns, rows).transpose(1, 2).flatten(1)  # (B, h*w)
        return self.draw(self.quantize(codes))

    def draw(self, vectors: Tensor) -> Tensor:
        """Spectrograms (B, 1, mels, frames) of the codes' vectors (B, h*w, D), mel row by row."""
        spectrograms: Tensor = self.decoder(vectors)
        return spectrograms


class Encoder(nn.Module):
    """(B, 1, mels, frames) -> (B, h*w, D)."""

    def __init__(self, config: AudioVQGANConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.patch_size, self.grid = config.patch_size, grid
        rows, columns = config.patch_size
        width = config.encoder_hidden_size
        self.embedding = nn.Linear(config.output_channel * rows * columns, width)
        self.transformer = _transformer(
            config.encoder_num_layers, width, config.encoder_num_heads, config.encoder_mlp_dim
        )
        self.encoder_proj = nn.Linear(width, config.proj_dim, bias=config.use_bias)
        self.encoder_norm = UngainedLayerNorm(config.proj_dim)

    def forward(self, spectrograms: Tensor) -> Tensor:
        patches = patchify(spectrograms, self.patch_size)  # (B, h*w, ph*pw*1)
        x = self.embedding(patches)  # (B, h*w, E)
        x = self.transformer(x + sincos_positions(self.grid, x.shape[2]).to(x))
        z: Tensor = self.encoder_norm(self.encoder_proj(F.relu(x)))  # (B, h*w, D)
        return z


class Decoder(nn.Module):
    """(B, h*w, D) -> (B, 1, mels, frames)."""

    def __init__(self, config: AudioVQGANConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = grid
        width = config.decoder_hidden_size
        self.decoder_proj = nn.Linear(config.proj_dim, width, bias=config.use_bias)
        self.transformer = _transformer(
            config.decoder_num_layers, width, config.decoder_num_heads, config.decoder_mlp_dim
        )
        self.conv_transpose = nn.ConvTranspose2d(
            width, config.output_channel, config.patch_size, config.patch_size, bias=config.use_bias
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.decoder_proj(z)  # (B, h*w, E)
        x = self.transformer(x + sincos_positions(self.grid, x.shape[2]).to(x))
        x = x.view(-1, *self.grid, x.shape[2]).permute(0, 3, 1, 2)  # (B, E, h, w)
        spectrograms: Tensor = self.conv_transpose(x)  # (B, 1, mels, frames)
        return spectrograms


def _transformer(layers: int, width: int, heads: int, mlp_width: int) -> nn.Sequential:
    """(B, N, E) -> (B, N, E), normalised at the end."""
    stages: OrderedDict[str, nn.Module] = OrderedDict(
        (f"encoderblock_{layer}", Block(width, heads, mlp_width)) for layer in range(layers)
    )
    stages["encoder_norm"] = nn.LayerNorm(width, eps=NORM_EPS)
    return nn.Sequential(stages)


class Block(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = MLP(width, mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        y: Tensor = x + self.mlp(self.ln_2(x))
        return y


class Attention(nn.Module):
    """Multi-head self-attention without biases."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            linear(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )  # (B, H, N, d)
        y = F.scaled_dot_product_attention(q, k, v)  # (B, H, N, d)
        mixed: Tensor = self.out(y.transpose(1, 2).flatten(2))  # (B, N, E)
        return mixed


class MLP(nn.Module):
    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, mlp_width)
        self.fc2 = nn.Linear(mlp_width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(F.relu(self.fc1(x)))
        return y


class UngainedLayerNorm(nn.Module):
    """Layer normalisation with a learned shift but no gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.bias.shape, bias=self.bias, eps=NORM_EPS)


def patchify(images: Tensor, patch_size: tuple[int, int]) -> Tensor:
    """Patches (B, h*w, ph*pw*C), row by row, of images (B, C, H, W)."""
    rows, columns = patch_size
    batch, channels, height, width = images.shape
    x = images.reshape(batch, channels, height // rows, rows, width // columns, columns)
    return x.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # (B, h*w, ph*pw*C)


def sincos_positions(grid: tuple[int, int], width: int) -> Tensor:
    """Position vectors (h*w, width), row by row: the first half of the channels follows the column
    and the second the row, each as sines then cosines."""
    rows, columns = (torch.arange(size, dtype=torch.float32) for size in grid)
    row, column = torch.meshgrid(rows, columns, indexing="ij")  # (h, w) each
    quarter = width // 4
    frequency = 10000.0 ** -(torch.arange(quarter, dtype=torch.float32) / quarter)  # (width/4,)
    parts = [
        wave(position.reshape(-1, 1) * frequency)
        for position in (column, row)
        for wave in (torch.sin, torch.cos)
    ]
    return torch.cat(parts, 1)
