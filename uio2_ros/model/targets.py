"""From targets to decoder inputs: one embedder per modality that the model writes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uio2_ros.model.audio_vqgan import AudioViTVQGAN
from uio2_ros.model.config import ModelConfig
from uio2_ros.model.image_vqgan import ImageVQGAN
from uio2_ros.model.rotary import table_1d, table_2d

START_ID = 0


@dataclass(frozen=True)
class TargetSequence:
    """What the decoder reads and should write for one modality."""

    embed: Tensor  # (B, T, E), of the inputs: the targets shifted right behind the start token
    rotary: Tensor  # (1, T, D / 2)
    targets: Tensor  # (B, T) int64
    loss_mask: Tensor  # (B, T) bool


class TargetEmbedder(nn.Module):
    """Adds the target modality to token embeddings; `rotary` is the table of target positions."""

    rotary: Tensor

    def __init__(self, emb_dim: int, rotary: Tensor, vqgan: nn.Module | None = None) -> None:
        super().__init__()
        self.modality_embedding = nn.Parameter(torch.randn(emb_dim) * 0.02)
        self.vqgan = vqgan
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


def build_target_embedders(config: ModelConfig) -> nn.ModuleDict:
    """The embedder of every target modality, by name."""
    t5, image, audio = config.t5_config, config.image_vqgan, config.audio_vqgan
    image_codec, audio_codec = ImageVQGAN(image), AudioViTVQGAN(audio)
    # audio codes are written time step by time step, positions keep the codec's own grid
    text_table = table_1d(t5.decoder_max_text_length, t5.head_dim)
    image_table = table_2d(*image_codec.grid, t5.head_dim)
    audio_table = table_2d(*audio_codec.grid, t5.head_dim)
    return nn.ModuleDict(
        {
            "text": TargetEmbedder(t5.emb_dim, text_table),
            "image": TargetEmbedder(t5.emb_dim, image_table, image_codec),
            "audio": TargetEmbedder(t5.emb_dim, audio_table, audio_codec),
        }
    )


def shift_right(targets: Tensor) -> Tensor:
    """Decoder inputs of targets (B, T): the start token, then all but the last target."""
    start = targets.new_full((len(targets), 1), START_ID)
    return torch.cat([start, targets[:, :-1]], dim=1)
