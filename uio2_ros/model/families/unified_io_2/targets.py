"""From targets to decoder inputs, and from generated tokens to pictures and spectrograms.

One embedder per modality that the model writes (model.md sections 3 to 6). Letters of shapes:
B batch, T target tokens, E model width, D channels of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uio2_ros.model.example import Batch
from uio2_ros.model.families.unified_io_2.audio_vqgan import AudioViTVQGAN
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.image_vqgan import ImageVQGAN
from uio2_ros.model.families.unified_io_2.layers import normal_parameter
from uio2_ros.model.families.unified_io_2.rotary import table_1d, table_2d
from uio2_ros.model.families.unified_io_2.vocabulary import START_ID

FIRST_CODE_ID = 2  # of pictures and sound: 0 is the start, 1 the mask token, code c is c + 2


@dataclass(frozen=True)
class TargetTokens:
    """What one modality of a batch should become."""

    tokens: Tensor  # (B, T) int64, START_ID where nothing is to be written
    mask: Tensor  # (B, T) bool, real targets: they alone count and are attended to
    hidden: Tensor | None = None  # (B, T) bool, tokens whose place is masked in the input
    right_padded: bool = False  # real targets are known to come before all others
    misread: Tensor | None = None  # (B, T) int64, what the decoder reads in place of `tokens`

    @property
    def read(self) -> Tensor:
        """(B, T) what the decoder reads of the tokens before the one it writes."""
        return self.tokens if self.misread is None else self.misread


class TargetEmbedder(nn.Module):
    """Adds the target modality to token embeddings; `rotary` is the table of target positions."""

    rotary: Tensor

    def __init__(self, emb_dim: int, rotary: Tensor) -> None:
        super().__init__()
        self.modality_embedding = normal_parameter(emb_dim, std=0.02)
        self.register_buffer("rotary", rotary, persistent=False)  # (max T, D / 2)

    @property
    def max_length(self) -> int:
        return len(self.rotary)

    def forward(self, embed: Tensor, start: int = 0) -> tuple[Tensor, Tensor]:
        """Token embeddings (B, T, E) of positions from `start` -> (B, T, E) and (1, T, D / 2)."""
        end = start + embed.shape[1]
        if end > self.max_length:
            raise ValueError(f"{end} target tokens exceed the maximum of {self.max_length}")
        return embed + self.modality_embedding, self.rotary[None, start:end]

    def tokenize(self, batch: Batch) -> TargetTokens | None:
        """The targets of a batch in this modality, None where no example has one."""
        raise NotImplementedError

    def render(self, tokens: Tensor) -> Tensor:
        """What generated tokens (B, T) show or sound like; texts are the tokenizer's."""
        raise NotImplementedError


class TextTargetEmbedder(TargetEmbedder):
    def tokenize(self, batch: Batch) -> TargetTokens | None:
        if batch.text_target is None:
            return None
        mask = batch.text_target != START_ID
        return TargetTokens(
            batch.text_target, mask, right_padded=True, misread=batch.text_target_read
        )


class ImageTargetEmbedder(TargetEmbedder):
    """Pictures as VQGAN codes, row by row."""

    def __init__(self, emb_dim: int, head_dim: int, vqgan: ImageVQGAN) -> None:
        super().__init__(emb_dim, table_2d(*vqgan.grid, head_dim))
        self.vqgan = vqgan

    def tokenize(self, batch: Batch) -> TargetTokens | None:
        if batch.image_target is None or batch.image_target_mask is None:
            return None
        mask = self.cells(batch.image_target_mask)
        hidden = batch.image_target_hidden
        images = batch.image_target.permute(0, 3, 1, 2) * 2 - 1  # (B, 3, H, W) in [-1, 1]
        weight = self.vqgan.quant_conv.weight
        rows = batch.image_target_rows
        tokens = _encode_present(self.vqgan.encode, images.to(weight.dtype), mask, rows)
        return TargetTokens(tokens, mask, None if hidden is None else self.cells(hidden))

    def cells(self, pixels: Tensor) -> Tensor:
        """(B, H, W) -> (B, T): whether the middle pixel of each code is set."""
        return _sample(pixels, self.vqgan.config.patch_size)

    def render(self, tokens: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] of generated tokens (B, T).

        Tokens that are no code become the nearest that is: trained weights do not give them.
        """
        codes = _codes(tokens, self.vqgan.config.n_embed)
        return ((self.vqgan.decode(codes).float() + 1) / 2).clamp(0, 1)


class AudioTargetEmbedder(TargetEmbedder):
    """Spectrograms as ViT-VQGAN codes, time step by time step.

    Positions are those of the codec's own grid in storage order, as the released models learnt.
    """

    def __init__(self, emb_dim: int, head_dim: int, vqgan: AudioViTVQGAN) -> None:
        super().__init__(emb_dim, table_2d(*vqgan.grid, head_dim))
        self.vqgan = vqgan

    def tokenize(self, batch: Batch) -> TargetTokens | None:
        if batch.audio_target is None or batch.audio_target_mask is None:
            return None
        mask = self.cells(batch.audio_target_mask)
        hidden = batch.audio_target_hidden
        spectrograms = batch.audio_target.transpose(1, 2)[:, None]  # (B, 1, mels, frames)
        weight = self.vqgan.encoder.embedding.weight
        rows = batch.audio_target_rows
        tokens = _encode_present(self.vqgan.encode, spectrograms.to(weight.dtype), mask, rows)
        return TargetTokens(tokens, mask, None if hidden is None else self.cells(hidden))

    def cells(self, values: Tensor) -> Tensor:
        """(B, frames, mels) -> (B, T): whether the middle value of each code is set."""
        mels, frames = self.vqgan.config.patch_size
        return _sample(values, (frames, mels))

    def render(self, tokens: Tensor) -> Tensor:
        """Normalised spectrograms (B, mels, frames) of generated tokens (B, T), clipped to codes"""
        return self.vqgan.decode(_codes(tokens, self.vqgan.config.vocab_size)).float()[:, 0]


def build_target_embedders(config: ModelConfig) -> nn.ModuleDict:
    """The embedder of every target modality of the configuration, by name."""
    t5 = config.t5_config
    makers: dict[str, Callable[[], TargetEmbedder]] = {
        "text": lambda: TextTargetEmbedder(
            t5.emb_dim, table_1d(t5.decoder_max_text_length, t5.head_dim)
        ),
        "image": lambda: ImageTargetEmbedder(
            t5.emb_dim, t5.head_dim, ImageVQGAN(config.image_vqgan)
        ),
        "audio": lambda: AudioTargetEmbedder(
            t5.emb_dim, t5.head_dim, AudioViTVQGAN(config.audio_vqgan)
        ),
    }
    return nn.ModuleDict({name: makers[name]() for name in config.target_modalities})


def shift_right(targets: Tensor) -> Tensor:
    """Decoder inputs of targets (B, T): the start token, then all but the last target."""
    start = targets.new_full((len(targets), 1), START_ID)
    return torch.cat([start, targets[:, :-1]], dim=1)


def _encode_present(
    encode: Callable[[Tensor], Tensor], values: Tensor, mask: Tensor, rows: Tensor | None
) -> Tensor:
    """Tokens (B, T) of the targets that are there, `rows` (N,) where they are known.

    A VQGAN is too dear for those that are not there.
    """
    rows = mask.any(-1).nonzero()[:, 0] if rows is None else rows
    tokens = mask.new_full(mask.shape, START_ID, dtype=torch.int64)
    if not len(rows):
        return tokens
    return tokens.index_copy(0, rows, encode(values[rows]) + FIRST_CODE_ID)


def _sample(values: Tensor, patch: tuple[int, int]) -> Tensor:
    """(B, H, W) at the middle of each patch, row by row: (B, h * w) bool."""
    rows, columns = patch
    return (values[:, rows // 2 :: rows, columns // 2 :: columns] > 0).flatten(1)


def _codes(tokens: Tensor, count: int) -> Tensor:
    return (tokens - FIRST_CODE_ID).clamp(0, count - 1)
