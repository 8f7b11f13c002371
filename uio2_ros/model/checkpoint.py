"""Finding, reading, checking and writing the weights of a model (model.md section 7).

A checkpoint is a directory, or a repository of the Hugging Face hub, with `config.json` and the
tensors in safetensors or PyTorch files, whole or in shards with an index.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.robot.errors import CheckpointError

CONFIG_FILE = "config.json"
INDEX_SUFFIX = ".index.json"
SAFETENSORS_INDEX = "model.safetensors.index.json"
WEIGHT_FILES = (
    SAFETENSORS_INDEX,
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)  # in order of preference
LISTED_NAMES = 20  # tensors that an error message lists of each kind
ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True)
class CheckpointFiles:
    config: Path
    weights: tuple[Path, ...]


# ---- finding ----


def locate(
    id_or_dir: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
) -> CheckpointFiles:
    """The files of a checkpoint; those of a hub id are downloaded, with progress bars, and resume.

    Raises CheckpointError that says what is missing and what to do.
    """
    folder = Path(id_or_dir)
    if folder.is_dir():
        return _choose_files(folder)
    if _is_hub_id(id_or_dir):
        return _choose_files(_download(str(id_or_dir), revision, token, cache_dir))
    raise CheckpointError(
        f"no checkpoint {str(id_or_dir)!r}: expected a directory with {CONFIG_FILE} and weights, "
        "or a hub id such as allenai/uio2-large"
    )


def _is_hub_id(source: str | os.PathLike[str]) -> bool:
    parts = str(source).split("/")
    return isinstance(source, str) and len(parts) == 2 and all(p.strip(".~") for p in parts)


def _choose_files(folder: Path) -> CheckpointFiles:
    config = folder / CONFIG_FILE
    if not config.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG_FILE}: it is not a checkpoint directory")
    present = [name for name in WEIGHT_FILES if (folder / name).is_file()]
    if not present:
        raise CheckpointError(f"{folder} has no weights: expected one of {', '.join(WEIGHT_FILES)}")
    path = folder / present[0]
    shards = _shards(path) if path.name.endswith(INDEX_SUFFIX) else (path.name,)
    missing = [shard for shard in shards if not (folder / shard).is_file()]
    if missing:
        raise CheckpointError(f"{path} names files that are missing: {', '.join(missing)}")
    return CheckpointFiles(config, tuple(folder / shard for shard in shards))


def _shards(index: Path) -> tuple[str, ...]:
    try:
        return tuple(
            sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        )
    except (json.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index} is not an index of shards: {error!r}") from error


def _download(
    repository: str, revision: str | None, token: str | None, cache_dir: str | Path | None
) -> Path:
    """Bring a hub repository's configuration and weights into the cache; its folder there.

    What is in the cache already is used without the network where the hub cannot be reached.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    def fetch(name: str, commit: str | None) -> Path:
        path = huggingface_hub.hf_hub_download(
            repository, name, revision=commit, token=token, cache_dir=cache_dir
        )
        return Path(path)

    try:
        config = fetch(CONFIG_FILE, revision)
        commit = config.parent.name  # all files of one revision, whatever is pushed meanwhile
        cached = [name for name in WEIGHT_FILES if (config.parent / name).is_file()]
        weights = _fetch_first(cached or WEIGHT_FILES, repository, partial(fetch, commit=commit))
        for shard in _shards(weights) if weights.name.endswith(INDEX_SUFFIX) else ():
            fetch(shard, commit)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f"cannot download {repository}, which is no directory here either: {error}"
        ) from error
    return config.parent


def _fetch_first(names: Sequence[str], repository: str, fetch: Callable[[str], Path]) -> Path:
    """The first of the names that the repository has."""
    from huggingface_hub.errors import EntryNotFoundError

    reasons: list[str] = []

    def attempt(name: str) -> Path | None:
        try:
            return fetch(name)
        except EntryNotFoundError as error:
            reasons.append(f"{name}: {str(error).splitlines()[0]}")
            return None

    found = next(filter(None, map(attempt, names)), None)
    if found is None:
        raise CheckpointError(f"{repository} has no weights to be had; {'; '.join(reasons)}")
    return found


# ---- reading and writing ----


def read_config(path: Path) -> ModelConfig:
    """The configuration of a checkpoint; CheckpointError, naming the file, for an unusable one."""
    try:
        return ModelConfig.load(path)
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} is no usable configuration: {error}") from error


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
