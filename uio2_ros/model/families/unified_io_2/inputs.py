"""From the modalities of a batch to sequences that the encoder reads (model.md section 3).

Letters of shapes: B batch, S sequence, P patches, F frames or segments, L latents, E model width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uio2_ros.model.example import PatchBatch
from uio2_ros.model.families.unified_io_2.config import (
    ModelConfig,
    ResamplerConfig,
    Size,
    TransformerConfig,
)
from uio2_ros.model.families.unified_io_2.layers import normal_parameter
from uio2_ros.model.families.unified_io_2.resampler import PerceiverResampler
from uio2_ros.model.families.unified_io_2.rotary import table_1d, table_2d
from uio2_ros.model.families.unified_io_2.vit import AudioViT, ImageViT, ViTFeatures

ViT = ImageViT | AudioViT


@dataclass(frozen=True)
class InputSequence:
    """A stretch of encoder input."""

    embed: Tensor  # (B, S, E)
    mask: Tensor  # (B, S) bool, true where there is something
    rotary: Tensor  # (B, S, D / 2) complex

    def __post_init__(self) -> None:
        assert self.embed.ndim == 3
        assert self.mask.shape == self.embed.shape[:2]
        assert self.mask.dtype == torch.bool
        assert self.rotary.shape[:2] == self.embed.shape[:2]


@dataclass(frozen=True)
class HistoryFrames:
    """Resampled frames: what `encode_history` gives, and whether each is there."""

    latents: Tensor  # (B, F, L, E)
    mask: Tensor  # (B, F) bool

    def __post_init__(self) -> None:
        assert self.latents.ndim == 4
        assert self.mask.shape == self.latents.shape[:2]


def concatenate(sequences: Sequence[InputSequence]) -> InputSequence:
    """The sequences one after another."""
    return InputSequence(
        embed=torch.cat([s.embed for s in sequences], dim=1),
        mask=torch.cat([s.mask for s in sequences], dim=1),
        rotary=torch.cat([s.rotary for s in sequences], dim=1),
    )


class TextEmbedder(nn.Module):
    """Adds the text modality to token embeddings; positions count from 0."""

    rotary: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.modality_embedding = normal_parameter(config.emb_dim, std=0.02)
        table = table_1d(config.encoder_max_text_length, config.head_dim)
        self.register_buffer("rotary", table, persistent=False)

    def forward(self, embed: Tensor, mask: Tensor) -> InputSequence:
        length = embed.shape[1]
        if length > len(self.rotary):
            raise ValueError(f"text of {length} tokens exceeds the maximum of {len(self.rotary)}")
        rotary = self.rotary[:length].expand(len(embed), -1, -1)
        return InputSequence(embed + self.modality_embedding, mask, rotary)


class PatchEmbedder(nn.Module):
    """Patches of the current picture or spectrogram -> one token each."""

    rotary: Tensor

    def __init__(self, vit: ViT, width: int, grid: Size, config: TransformerConfig) -> None:
        super().__init__()
        self.grid = grid
        self.vit = vit
        self.projection = nn.Linear(2 * width, config.emb_dim, bias=False)
        self.modality_embedding = normal_parameter(config.emb_dim, std=0.02)
        scale = math.sqrt(config.decoder_max_image_length / config.encoder_max_image_length)
        table = table_2d(*grid, config.head_dim, scale)
        self.register_buffer("rotary", table, persistent=False)

    def features(self, batch: PatchBatch, frozen: bool) -> Tensor:
        """What the ViT makes of patches (B, P, D) that it has not read yet: (B, P, 2 x width)."""
        _check_patches(batch, dims=3)
        if batch.encoded:
            return batch.patches
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features = self.vit(batch.patches, batch.mask, batch.positions, self.grid)
            return torch.cat([features.last, features.second], dim=-1)

    def forward(self, batch: PatchBatch, frozen: bool) -> InputSequence:
        features = self.features(batch, frozen).to(self.projection.weight.dtype)
        embed = self.projection(features) + self.modality_embedding
        return InputSequence(embed, batch.mask, self.rotary[batch.positions])


class HistoryEmbedder(nn.Module):
    """Earlier frames or segments -> a few latents each. The ViT is that of the current input."""

    rotary: Tensor

    def __init__(
        self, resampler: ResamplerConfig, width: int, grid: Size, config: TransformerConfig
    ) -> None:
        super().__init__()
        self.grid = grid
        self.resampler = PerceiverResampler(resampler)
        self.pre_projection = nn.Linear(width, resampler.emb_dim, bias=False)
        self.post_projection = nn.Linear(resampler.emb_dim, config.emb_dim, bias=False)
        self.modality_embedding = normal_parameter(config.emb_dim, std=0.02)
        table = table_2d(resampler.max_frames, resampler.latents_size, config.head_dim)
        table = table.view(resampler.max_frames, resampler.latents_size, -1)
        self.register_buffer("rotary", table, persistent=False)  # (F, L, D / 2)

    def features(self, vit: ViT, frames: PatchBatch, frozen: bool) -> Tensor:
        """What the ViT makes of frames (N, P, D) that it has not read yet: (N, P, width)."""
        _check_patches(frames, dims=3)
        if frames.encoded:
            return frames.patches
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            features: ViTFeatures = vit(frames.patches, frames.mask, frames.positions, self.grid)
            return features.last

    def encode(self, vit: ViT, frames: PatchBatch, frozen: bool) -> Tensor:
        """Frames (N, P, D), each with a patch that is there -> (N, L, E)."""
        features = self.features(vit, frames, frozen).to(self.pre_projection.weight.dtype)
        context = self.pre_projection(features)
        return self.post_projection(self.resampler(context, frames.mask))  # type: ignore[no-any-return]

    def encode_batch(self, vit: ViT, batch: PatchBatch, frozen: bool) -> HistoryFrames:
        """All frames of a batch (B, F, P, D); frames without a patch are not computed."""
        _check_patches(batch, dims=4)
        there = batch.mask.any(-1)  # (B, F)
        present = there.flatten().nonzero()[:, 0] if batch.present is None else batch.present
        parts = (batch.patches, batch.mask, batch.positions)
        chosen = PatchBatch(*(part.flatten(0, 1)[present] for part in parts), encoded=batch.encoded)
        latents = self.encode(vit, chosen, frozen)  # (N, L, E)
        placed = latents.new_zeros(there.numel(), *latents.shape[1:])  # (B x F, L, E)
        placed = placed.index_copy(0, present, latents)
        return HistoryFrames(placed.view(*there.shape, *latents.shape[1:]), there)

    def forward(self, frames: HistoryFrames) -> InputSequence:
        batch, count, latents, _ = frames.latents.shape
        if count > len(self.rotary):
            raise ValueError(f"{count} history frames exceed the maximum of {len(self.rotary)}")
        embed = (frames.latents + self.modality_embedding).flatten(1, 2)  # (B, F x L, E)
        mask = frames.mask.repeat_interleave(latents, dim=1)
        rotary = self.rotary[:count].flatten(0, 1).expand(batch, -1, -1)
        return InputSequence(embed, mask, rotary)


def build_input_embedders(config: ModelConfig) -> nn.ModuleDict:
    """The embedder of every input modality of the configuration, by name, in their order."""
    t5, image, audio = config.t5_config, config.image_vit_cfg, config.audio_vit_cfg
    image_grid = _grid(t5.default_image_vit_size, t5.image_vit_patch_size)
    history_grid = _grid(t5.default_image_history_vit_size, t5.image_vit_patch_size)
    audio_grid = _grid(t5.default_audio_vit_size, t5.audio_vit_patch_size)
    segment_grid = _grid(t5.default_audio_history_vit_size, t5.audio_vit_patch_size)
    frames, segments = config.image_history_cfg, config.audio_history_cfg
    makers: dict[str, Callable[[], nn.Module]] = {
        "text": lambda: TextEmbedder(t5),
        "image": lambda: PatchEmbedder(ImageViT(image), image.emb_dim, image_grid, t5),
        "image_history": lambda: HistoryEmbedder(frames, image.emb_dim, history_grid, t5),
        "audio": lambda: PatchEmbedder(AudioViT(audio), audio.emb_dim, audio_grid, t5),
        "audio_history": lambda: HistoryEmbedder(segments, audio.emb_dim, segment_grid, t5),
    }
    return nn.ModuleDict({name: makers[name]() for name in config.input_modalities})


def _grid(size: Size, patch: int) -> Size:
    return size[0] // patch, size[1] // patch


def _check_patches(batch: PatchBatch, dims: int) -> None:
    shape = batch.patches.shape
    assert batch.patches.ndim == dims, f"patches are {tuple(shape)}, expected {dims} dimensions"
    for name in ("mask", "positions"):
        got = getattr(batch, name).shape
        assert got == shape[:-1], f"{name} is {tuple(got)}, expected {tuple(shape[:-1])}"
