"""The weights of Unified-IO 2: where they come from, their dtypes, and what modalities need."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from uio2_ros.model.checkpoint import CheckpointFiles, locate
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.jax_checkpoint import (
    Tensors,
    config_of,
    place_arrays,
    tensor_shapes,
)
from uio2_ros.model.families.unified_io_2.official_names import official_name
from uio2_ros.model.pretrained import PretrainedModel
from uio2_ros.model.quantization import check_quantization
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.t5x import open_checkpoint
from uio2_ros.model.weights import check_shapes

if TYPE_CHECKING:
    from typing_extensions import Self

VIT_PART, VQGAN_PART = ".vit.", ".vqgan."  # in names of parameters with a dtype of their own
ENCODER_PART = "encoder."  # how such names begin

ConfigSource = ModelConfig | str | Path | Mapping[str, Any]


class UnifiedIOWeights(PretrainedModel):
    """Loading, casting and trimming of a network of this family."""

    quantized_parts = ("encoder", "decoder")
    official_name = staticmethod(official_name)
    config: ModelConfig

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)

    @staticmethod
    def read_config(source: ConfigSource) -> ModelConfig:
        """As `ModelConfig.load`."""
        return ModelConfig.load(source)

    @classmethod
    def from_pretrained(
        cls,
        id_or_dir: str | os.PathLike[str],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        revision: str | None = None,
        token: str | None = None,
        cache_dir: str | Path | None = None,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
        quantize: str | None = None,
    ) -> Self:
        """A model from a directory in the hub's layout, a shipped bundle or a hub id.

        A T5X folder or a flat .npz of the JAX network is read as well, into memory.

        With `input_modalities` or `target_modalities`, only what they need is loaded, see
        `set_modalities`. Weights keep the dtypes they are stored in, or are cast to `dtype` except
        for the ViTs and VQGANs, which then are float32. Tensors are mapped from the file, not read:
        those that keep device and dtype are the file's own pages, the others are moved one by one.
        So memory never holds weights twice, and the file must not change while the model is in use.
        With `quantize`, as for the method, they are quantised on the way.

        Raises CheckpointError for a configuration or files that cannot be read and for tensors
        that are unknown, missing or mis-shaped, ValueError for a `quantize` that does not exist.
        """
        return cls.from_files(
            locate(id_or_dir, revision=revision, token=token, cache_dir=cache_dir),
            device=device,
            dtype=dtype,
            input_modalities=input_modalities,
            target_modalities=target_modalities,
            quantize=quantize,
        )

    @classmethod
    def from_files(
        cls,
        files: CheckpointFiles,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
        quantize: str | None = None,
    ) -> Self:
        """As `from_pretrained`, from files that were located."""
        check_quantization(quantize)
        with without_weights():
            model, state = cls.unloaded(files)
        model.set_modalities(input_modalities, target_modalities)
        model.take_over(state, device, dtype, quantize)
        return model.eval()

    @classmethod
    def from_jax(cls, files: CheckpointFiles) -> tuple[Self, Mapping[str, Tensor]]:
        arrays = place_arrays(open_checkpoint(files.weights[0]))
        model = cls(config_of(files.weights[0], arrays))
        check_shapes(tensor_shapes(arrays), model.official_shapes())
        return model, Tensors(arrays)

    @staticmethod
    def dtype_of(
        name: str,
        dtype: torch.dtype,
        vit_dtype: torch.dtype = torch.float32,
        vqgan_dtype: torch.dtype = torch.float32,
        encoder_dtype: torch.dtype | None = None,
    ) -> torch.dtype:
        """The dtype of the parameter `name` in a model cast to `dtype`."""
        if VIT_PART in name:
            return vit_dtype
        if name.startswith(ENCODER_PART):
            return encoder_dtype or dtype
        return vqgan_dtype if VQGAN_PART in name else dtype

    def to_dtype(
        self,
        dtype: torch.dtype,
        vit_dtype: torch.dtype = torch.float32,
        vqgan_dtype: torch.dtype = torch.float32,
        encoder_dtype: torch.dtype | None = None,
    ) -> Self:
        """Cast the weights in place: the ViTs, the VQGANs, the encoder (None: as all else) and all
        else; see the base class."""
        return self._cast(
            lambda name: self.dtype_of(name, dtype, vit_dtype, vqgan_dtype, encoder_dtype)
        )

    def set_modalities(
        self,
        input_modalities: Sequence[str] | None = None,
        target_modalities: Sequence[str] | None = None,
    ) -> Self:
        """Keep what these modalities need and drop all other parameters, in place.

        None keeps all there are. The configuration follows, so that the smaller model can be saved.
        Raises ValueError for modalities that the model does not have, for inputs without text and
        for a history without the modality whose ViT it shares.
        """
        config = self.config
        self.config = replace(
            config,
            input_modalities=_kept("input", input_modalities, config.input_modalities),
            target_modalities=_kept("target", target_modalities, config.target_modalities),
        )
        for name in set(config.input_modalities) - set(self.config.input_modalities):
            delattr(self.get_submodule("input_embedders"), name)
        for name in set(config.target_modalities) - set(self.config.target_modalities):
            delattr(self.get_submodule("target_embedders"), name)
            if name != "text":  # prompts need its table
                delattr(self, f"{name}_token_embedder")
        return self


def _kept(kind: str, wanted: Sequence[str] | None, present: tuple[str, ...]) -> tuple[str, ...]:
    """The present modalities that are wanted, in their order."""
    if wanted is None:
        return present
    unknown = sorted(set(wanted) - set(present))
    if unknown or isinstance(wanted, str):
        raise ValueError(
            f"{kind}_modalities must be some of {', '.join(present)}, which this model has, got "
            f"{wanted if isinstance(wanted, str) else ', '.join(wanted)}"
        )
    return tuple(name for name in present if name in wanted)
