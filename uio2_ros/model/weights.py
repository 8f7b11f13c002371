"""Reading, checking and writing tensors: safetensors and PyTorch files, whole or in shards."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterable, Mapping, Sequence
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
    try:
        is_zip = zipfile.is_zipfile(path)
        with path.open("rb") as file:
            if not is_zip and file.read(len(ZIP_START)) in (ZIP_START, b""):
                raise EOFError("it is truncated: download it again")
        state = torch.load(path, map_location="cpu", mmap=is_zip, weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a state dict of tensors and was not executed: {error}"
        ) from error
    except Exception as error:  # torch raises many kinds for files that are damaged
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

    sizes = {name: tensor.nbytes for name, tensor in state.items()}
    shards = split(sizes, max_shard_bytes)
    names = shard_names(len(shards))
    for name, shard in zip(names, shards, strict=True):
        tensors = {tensor: state[tensor].detach().contiguous() for tensor in shard}
        save_file(tensors, folder / name, {"format": "pt"})
    write_index(folder, names, shards, sum(sizes.values()))


def shard_names(count: int) -> list[str]:
    """The names of as many safetensors files as make one checkpoint."""
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]


def write_index(
    folder: Path, names: Sequence[str], shards: Sequence[Sequence[str]], total_bytes: int
) -> None:
    """Write the index of shards; beside a single file an older index goes: readers prefer it."""
    path = folder / SAFETENSORS_INDEX
    if len(shards) == 1:
        path.unlink(missing_ok=True)
        return
    index = {
        "metadata": {"total_size": total_bytes},
        "weight_map": {t: n for n, shard in zip(names, shards, strict=True) for t in shard},
    }
    path.write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def split(sizes: Mapping[str, int], max_bytes: int) -> list[list[str]]:
    """The names of tensors of these sizes in their order, cut where a shard is full."""
    if max_bytes < 1:
        raise ValueError(f"max_shard_bytes must be >= 1, got {max_bytes}")
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if shards[-1] and filled + size > max_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


# ---- checking ----


def check_state_dict(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """CheckpointError, listing what differs, unless `state` has the tensors of `shapes`."""
    others = [
        name for name, tensor in state.items() if name in shapes and not tensor.is_floating_point()
    ]
    check_shapes({name: tuple(tensor.shape) for name, tensor in state.items()}, shapes, others)


def check_shapes(
    found: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, tuple[int, ...]],
    not_floating_point: Sequence[str] = (),
) -> None:
    """CheckpointError, listing what differs, unless tensors have the names and shapes expected."""
    problems = {
        "unknown": sorted(set(found) - set(expected)),
        "missing": sorted(set(expected) - set(found)),
        "mis-shaped": [
            f"{name} {found[name]} instead of {shape}"
            for name, shape in expected.items()
            if name in found and found[name] != shape
        ],
        "not floating-point": not_floating_point,
    }
    listed = [f"{len(v)} {kind}: {_listed(v)}" for kind, v in problems.items() if v]
    if listed:
        raise CheckpointError(
            "the checkpoint does not fit the model's configuration; tensors " + "; ".join(listed)
        )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - LISTED_NAMES
    return ", ".join(names[:LISTED_NAMES]) + (f" and {more} more" if more > 0 else "")
