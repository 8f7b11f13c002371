"""A checkpoint of Unified-IO 2 that was trained in JAX, under the official names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from uio2_ros.model.config_file import CONFIG_FILE, released_config
from uio2_ros.model.families.unified_io_2 import jax_names
from uio2_ros.model.families.unified_io_2.config import ModelConfig, shipped_configs
from uio2_ros.model.t5x import JaxCheckpoint, StoredArray, TensorLayout, read_tensor
from uio2_ros.robot.errors import CheckpointError

EMBEDDING = "text_token_embedder.weight"  # its width tells the released sizes apart
PlacedArray = tuple[StoredArray, TensorLayout]


def place_arrays(source: JaxCheckpoint) -> dict[str, PlacedArray]:
    """The arrays by official name, and how each lies in its tensor. CheckpointError for twins."""
    arrays: dict[str, PlacedArray] = {}
    for path, array in source.arrays.items():
        name = jax_names.official_name(path)
        if name in arrays:
            raise CheckpointError(f"{source.path} has two arrays for {name}; one is {path}")
        arrays[name] = array, jax_names.layout(path, len(array.shape))
    return arrays


def tensor_shapes(arrays: Mapping[str, PlacedArray]) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors."""
    return {name: layout.tensor_shape(array.shape) for name, (array, layout) in arrays.items()}


class Tensors(Mapping[str, Tensor]):
    """The tensors by official name, in their stored types; each is read when it is looked at."""

    def __init__(self, arrays: Mapping[str, PlacedArray]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> Tensor:
        return read_tensor(*self._arrays[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def config_of(path: Path, arrays: Mapping[str, PlacedArray]) -> ModelConfig:
    """That of the `config.json` beside the arrays, else of the released size of their width.

    Raises CheckpointError for a width that no released size has.
    """
    beside = (path if path.is_dir() else path.parent) / CONFIG_FILE
    if beside.is_file():
        try:
            return ModelConfig.load(beside)
        except ValueError as error:
            raise CheckpointError(f"{beside} is no usable configuration: {error}") from error
    configs = [ModelConfig.load(name) for name in shipped_configs()]
    sizes = {(one.t5_config.vocab_size, one.t5_config.emb_dim): one for one in configs}
    return released_config(path, arrays[EMBEDDING][0].shape if EMBEDDING in arrays else (), sizes)
