"""Checkpoints that were trained in JAX, written with the official names of the released ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from uio2_ros.model.config_file import CONFIG_FILE
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.model.families.unified_io_2.jax_checkpoint import (
    PlacedArray,
    config_of,
    place_arrays,
    tensor_shapes,
)
from uio2_ros.model.families.unified_io_2.unified_io import UnifiedIO
from uio2_ros.model.pretrained import SHARD_BYTES
from uio2_ros.model.safetensors_stream import Entry, write_stream
from uio2_ros.model.skeleton import without_weights
from uio2_ros.model.t5x import open_checkpoint, read_tensor
from uio2_ros.model.weights import (
    check_shapes,
    read_state_dict,
    shard_names,
    split,
    write_index,
)
from uio2_ros.robot.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS = ("safetensors", "bin")
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def convert(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    *,
    config: ModelConfig | str | Path | Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
    form: str = "safetensors",
    max_shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int, int], object] | None = None,
) -> Path:
    """Write a JAX checkpoint as a directory that `Engine.from_pretrained` takes; the directory.

    Without `config` the configuration is told by `config.json` beside the source or by the width.
    `form` is "safetensors" or "bin" (pytorch_model.bin). Memory holds a tensor and the array it is
    made of. What an interrupted conversion of the same source has written is kept. `progress`
    hears the bytes that were added and those there are in all. Raises CheckpointError, before
    anything is written, for arrays that do not fit the configuration.
    """
    if form not in FORMS:
        raise ValueError(f"form is {form!r}; expected one of {', '.join(FORMS)}")
    opened = open_checkpoint(source)
    arrays = place_arrays(opened)
    chosen = config_of(opened.path, arrays) if config is None else ModelConfig.load(config)
    with without_weights():
        expected = UnifiedIO(chosen).official_shapes()
    check_shapes(tensor_shapes(arrays), expected)
    entries = {name: _entry(name, arrays[name], dtype) for name in expected}
    sizes = {name: entry.nbytes for name, entry in entries.items()}
    total = sum(sizes.values())
    folder = Path(destination).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(folder, total)
    chosen.save(folder / CONFIG_FILE)
    shards = split(sizes, total if form == "bin" else max_shard_bytes)
    names = shard_names(len(shards))
    for name, shard in zip(names, shards, strict=True):
        write_stream(
            folder / name,
            [entries[tensor] for tensor in shard],
            {"format": "pt", "converted_from": opened.fingerprint},
            (lambda count: progress(count, total)) if progress else (lambda _: None),
        )
    write_index(folder, names, shards, total)
    if form == "bin":
        _as_bin(folder / names[0])
    return folder


def _entry(name: str, placed: PlacedArray, dtype: torch.dtype | None) -> Entry:
    array, layout = placed
    stored = _DTYPES[array.dtype]
    wanted = stored if dtype is None else dtype
    return Entry(name, layout.tensor_shape(array.shape), wanted, lambda: read_tensor(array, layout))


def _check_room(folder: Path, total: int) -> None:
    present = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    free = shutil.disk_usage(folder).free
    if free + present < total:
        raise CheckpointError(
            f"{folder} has room for {free / 1e9:.1f} GB and {total / 1e9:.1f} GB are to be written"
        )


def _as_bin(path: Path) -> None:
    """Replace a safetensors file by pytorch_model.bin, its tensors mapped rather than read."""
    part = path.with_name("pytorch_model.bin.part")
    torch.save(read_state_dict([path]), part)
    part.replace(path.with_name("pytorch_model.bin"))
    path.unlink()
