"""Reading, checking and writing tensors: safetensors and PyTorch files, whole or in shards."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uio2_ros.model.checkpoint import SAFETENSORS_INDEX
from uio2_ros.robot.errors import CheckpointError

LISTED_NAMES = 20  # tensors that an error message lists of each kind
ZIP_START = b"PK\x03\x04"


def read_state_dict(paths: Iterable[Path]) -> dict[str, Tensor]:
    """The tensors of all files, mapped from disk rather than copied where the format allows.

    Files are read as data: a pickle that holds anything but tensors is refused, never executed.
    """
    state: dict[str, Tensor] = {}
    for path in paths:
        tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
        twice = sorted(set(state) & set(tensors))
        if twice:
            raise CheckpointError(f"{path} repeats tensors of other shards: {_listed(twice)}")
        state.update(tensors)
    return state


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}): download it again"
        ) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    is_zip = zipfile.is_zipfile(path)
    with path.open("rb") as file:
        truncated = not is_zip and file.read(len(ZIP_START)) in (ZIP_START, b"")
    if truncated:
        raise CheckpointError(f"{path} is truncated: download it again")
    try:
        state = torch.load(path, map_location="cpu", mmap=is_zip, weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a state dict of tensors and was not executed: {error}"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    return _tensors_only(state, path)


def _tensors_only(state: Any, path: Path) -> dict[str, Tensor]:
    if not isinstance(state, Mapping):
        raise CheckpointError(f"{path} holds a {type(state).__name__}, expected a state dict")
    others = sorted(str(name) for name, v in state.items() if not isinstance(v, Tensor))
    if others:
        raise CheckpointError(f"{path} holds values that are no tensors: {_listed(others)}")
    return {str(name): tensor for name, tensor in state.items()}


def write_safetensors(state: Mapping[str, Tensor], folder: Path, max_shard_bytes: int) -> None:
    """Write tensors as safetensors into `folder`: one file, or shards and their index.

    A tensor larger than a shard gets one of its own.
    """
    from safetensors.torch import save_file

    shards = _split(state, max_shard_bytes)
    if len(shards) == 1:
        names = ["model.safetensors"]
        (folder / SAFETENSORS_INDEX).unlink(missing_ok=True)  # readers would prefer an older one
    else:
        count = len(shards)
        names = [f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]
    for name, shard in zip(names, shards, strict=True):
        tensors = {tensor: state[tensor].detach().contiguous() for tensor in shard}
        save_file(tensors, folder / name, {"format": "pt"})
    if len(shards) > 1:
        index = {
            "metadata": {"total_size": sum(tensor.nbytes for tensor in state.values())},
            "weight_map": {t: n for n, shard in zip(names, shards, strict=True) for t in shard},
        }
        text = json.dumps(index, indent=2, sort_keys=True) + "\n"
        (folder / SAFETENSORS_INDEX).write_text(text, encoding="utf-8")


def _split(state: Mapping[str, Tensor], max_bytes: int) -> list[list[str]]:
    """The names of the tensors in their order, cut where a shard is full."""
    if max_bytes < 1:
        raise ValueError(f"max_shard_bytes must be >= 1, got {max_bytes}")
    shards: list[list[str]] = [[]]
    filled = 0
    for name, tensor in state.items():
        if shards[-1] and filled + tensor.nbytes > max_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += tensor.nbytes
    return shards


# ---- checking ----


def check_state_dict(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """CheckpointError, listing what differs, unless `state` has the tensors of `shapes`."""
    problems = {
        "unknown": sorted(set(state) - set(shapes)),
        "missing": sorted(set(shapes) - set(state)),
        "mis-shaped": [
            f"{name} {tuple(state[name].shape)} instead of {shape}"
            for name, shape in shapes.items()
            if name in state and tuple(state[name].shape) != shape
        ],
        "not floating-point": [
            name
            for name, tensor in state.items()
            if name in shapes and not tensor.is_floating_point()
        ],
    }
    found = [f"{len(v)} {kind}: {_listed(v)}" for kind, v in problems.items() if v]
    if found:
        raise CheckpointError(
            "the checkpoint does not fit the model's configuration; tensors " + "; ".join(found)
        )


def _listed(names: list[str]) -> str:
    more = len(names) - LISTED_NAMES
    return ", ".join(names[:LISTED_NAMES]) + (f" and {more} more" if more > 0 else "")
