"""The weights of Unified-IO 1: a released file, or a directory with `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.families.unified_io_1.config import UnifiedIO1Config, shipped_configs
from uio2_ros.model.families.unified_io_1.official_names import UNUSED, layout, official_name
from uio2_ros.model.pretrained import PretrainedModel
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.synthetic import synthetic_state_dict
from uio2_ros.model.t5x import read_tensor
from uio2_ros.model.t5x.flax_file import flax_arrays
from uio2_ros.model.weights import check_state_dict, read_state_dict
from uio2_ros.robot.errors import CheckpointError

if TYPE_CHECKING:
    from typing_extensions import Self

EMBEDDING = "token_embedder/embedding"  # its width tells the released sizes apart
VQGAN_PART = "discrete_vae."

ConfigSource = UnifiedIO1Config | str | Path | Mapping[str, Any]


class UnifiedIO1Weights(PretrainedModel):
    """Loading and casting of a network of this family."""

    family = "unified_io_1"
    writes = ("text", "image")
    quantized_parts = ("encoder.layers", "decoder.layers")
    official_name = staticmethod(official_name)
    config: UnifiedIO1Config

    @classmethod
    def from_config(cls, config: ConfigSource) -> Self:
        """A model with random weights; `config` as for `UnifiedIO1Config.load`."""
        return cls(UnifiedIO1Config.load(config))

    @classmethod
    def synthetic(cls, config: ConfigSource = "tiny") -> Self:
        """A model with the deterministic weights of `model.synthetic`, ready for inference."""
        with without_weights():
            model = cls.from_config(config)
        model.load_official_state_dict(synthetic_state_dict(model.official_shapes()))
        return model.eval()

    @classmethod
    def from_files(
        cls,
        files: CheckpointFiles,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        quantize: str | None = None,
    ) -> Self:
        """A released file, or what `save_pretrained` wrote. Raises CheckpointError."""
        if files.is_jax:
            return cls.from_flax(
                files.weights[0],
                config=files.config,
                device=device,
                dtype=dtype,
                quantize=quantize,
            )
        assert files.config is not None
        with without_weights():
            model = cls(read_config(files.config))
        state = read_state_dict(files.weights)
        check_state_dict(state, model.official_shapes())
        model.take_over(state, device, dtype, quantize)
        return model.eval()

    @classmethod
    def from_flax(
        cls,
        path: Path,
        *,
        config: ConfigSource | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype | None = None,
        quantize: str | None = None,
    ) -> Self:
        """A released `.bin`; without `config` the size is told by its width.

        Raises CheckpointError for a file that is damaged and for arrays that are unknown, missing
        or mis-shaped.
        """
        state: dict[str, Tensor] = {}
        for name, array in flax_arrays(path):
            if not UNUSED.fullmatch(name):
                state[name] = read_tensor(array, layout(name, len(array.shape)))
        chosen = _config_of(path, state) if config is None else read_config(config)
        with without_weights():
            model = cls(chosen)
        check_state_dict(state, model.official_shapes())
        model.take_over(state, device, dtype, quantize)
        return model.eval()

    @staticmethod
    def dtype_of(name: str, dtype: torch.dtype) -> torch.dtype:
        """The dtype of the parameter `name` in a model cast to `dtype`."""
        return torch.float32 if name.startswith(VQGAN_PART) else dtype


def read_config(source: ConfigSource) -> UnifiedIO1Config:
    """As `UnifiedIO1Config.load`; CheckpointError for an unusable one."""
    try:
        return UnifiedIO1Config.load(source)
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{source} is no usable configuration: {error}") from error


def _config_of(path: Path, state: Mapping[str, Tensor]) -> UnifiedIO1Config:
    shape = tuple(state[EMBEDDING].shape) if EMBEDDING in state else ()
    for name in shipped_configs():
        config = UnifiedIO1Config.load(name)
        rows = config.model.vocab_size + config.model.image_vocab_size
        if shape == (rows, config.model.emb_dim):
            return config
    raise CheckpointError(
        f"{path} has embeddings of {shape}, which is no released size of Unified-IO 1"
    )
