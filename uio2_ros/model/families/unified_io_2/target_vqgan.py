"""The VQGAN of one target modality without the rest of the model: to train, measure and ship it.

A bundle may have it in a file of its own (`model.bundle.VQGAN_FILES`), under the names that its
tensors have in a whole checkpoint, so that a model which writes text only is as small as it is, and
can still be taught to write pictures or sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from uio2_ros.model.bundle import VQGAN_FILES
from uio2_ros.model.checkpoint import CheckpointFiles, refuse_pointer
from uio2_ros.model.families.unified_io_2.audio_vqgan import AudioViTVQGAN
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.image_vqgan import ImageVQGAN
from uio2_ros.model.families.unified_io_2.weights import ConfigSource
from uio2_ros.model.pretrained import PretrainedModel
from uio2_ros.model.weights import read_state_dict
from uio2_ros.robot.errors import CheckpointError

if TYPE_CHECKING:
    from typing_extensions import Self

STORED_IN = torch.float16
"""Finer than bfloat16; weights of a VQGAN are far from its limits."""


class TargetVQGAN(PretrainedModel):
    """The VQGAN of the one target modality of its configuration."""

    config: ModelConfig

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        (self.modality,) = config.target_modalities
        holder = nn.Module()
        holder.vqgan = (
            ImageVQGAN(config.image_vqgan)
            if self.modality == "image"
            else AudioViTVQGAN(config.audio_vqgan)
        )
        self.target_embedders = nn.ModuleDict({self.modality: holder})

    @staticmethod
    def read_config(source: ConfigSource) -> ModelConfig:
        """As `ModelConfig.load`."""
        return ModelConfig.load(source)

    @property
    def vqgan(self) -> ImageVQGAN | AudioViTVQGAN:
        return cast("ImageVQGAN | AudioViTVQGAN", self.target_embedders[self.modality].vqgan)

    @classmethod
    def of(cls, files: CheckpointFiles, modality: str) -> Self:
        """That of a model, in float32: from the file beside its weights, else from these.

        Raises CheckpointError where it has none.
        """
        model = cls(vqgan_config(files, modality))
        state = _state(files, modality, model.official_shapes())
        model.load_official_state_dict({name: value.float() for name, value in state.items()})
        return model.eval()

    def save_beside(self, folder: Path) -> Path:
        """Write the file of a bundle."""
        from safetensors.torch import save_file

        path = folder / VQGAN_FILES[self.modality]
        state = self.official_state_dict().items()
        save_file({n: p.detach().to(STORED_IN).contiguous() for n, p in state}, path)
        return path


def vqgan_config(files: CheckpointFiles, modality: str) -> ModelConfig:
    """The configuration of a model as if it wrote this modality alone."""
    if files.config is None or files.is_jax:
        raise CheckpointError("VQGANs are read from checkpoints with config.json: convert it first")
    config: ModelConfig = TargetVQGAN.usable_config(files.config)
    return replace(config, target_modalities=(modality,))


def _state(
    files: CheckpointFiles, modality: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Tensor]:
    beside = files.vqgans.get(modality)
    if beside is not None:
        refuse_pointer(beside)
        return read_state_dict([beside])
    whole = read_state_dict(files.weights)
    found = {name: whole[name] for name in shapes if name in whole}
    if not found:
        raise CheckpointError(
            f"{files.weights[0].parent} has no VQGAN for {modality}: train one (docs/training.md) "
            f"or put {VQGAN_FILES[modality]} there"
        )
    return found
