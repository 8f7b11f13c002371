"""The weights of Unified-IO 1: a released file, or a directory with `config.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from uio2_ros.model.checkpoint import CheckpointFiles
from uio2_ros.model.config_file import released_config, shipped_names
from uio2_ros.model.families.unified_io_1.config import CONFIG_DIR, UnifiedIO1Config
from uio2_ros.model.families.unified_io_1.official_names import UNUSED, layout, official_name
from uio2_ros.model.pretrained import PretrainedModel
from uio2_ros.model.t5x import read_tensor
from uio2_ros.model.t5x.flax_file import flax_arrays
from uio2_ros.model.weights import check_state_dict

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

    @staticmethod
    def read_config(source: ConfigSource) -> UnifiedIO1Config:
        """As `UnifiedIO1Config.load`."""
        return UnifiedIO1Config.load(source)

    @classmethod
    def from_jax(cls, files: CheckpointFiles) -> tuple[Self, Mapping[str, Tensor]]:
        """A released `.bin`; without a configuration the size is told by its width.

        Raises CheckpointError for a file that is damaged and for arrays that are unknown, missing
        or mis-shaped.
        """
        state: dict[str, Tensor] = {}
        for name, array in flax_arrays(files.weights[0]):
            if not UNUSED.fullmatch(name):
                state[name] = read_tensor(array, layout(name, len(array.shape)))
        told = files.config
        config = _config_of(files.weights[0], state) if told is None else cls.usable_config(told)
        model = cls(config)
        check_state_dict(state, model.official_shapes())
        return model, _TakenOnce(state)

    @staticmethod
    def dtype_of(name: str, dtype: torch.dtype) -> torch.dtype:
        """The dtype of the parameter `name` in a model cast to `dtype`."""
        return torch.float32 if name.startswith(VQGAN_PART) else dtype


class _TakenOnce(Mapping[str, Tensor]):
    """Tensors that are let go of when they are looked at, so that a cast never holds all twice."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self._state = state

    def __getitem__(self, name: str) -> Tensor:
        return self._state.pop(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)


def _config_of(path: Path, state: Mapping[str, Tensor]) -> UnifiedIO1Config:
    sizes = {}
    for name in shipped_names(CONFIG_DIR):
        config = UnifiedIO1Config.load(name)
        rows = config.model.vocab_size + config.model.image_vocab_size
        sizes[rows, config.model.emb_dim] = config
    return released_config(path, tuple(state[EMBEDDING].shape) if EMBEDDING in state else (), sizes)
