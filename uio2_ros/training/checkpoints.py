"""Where a training run stands, on disk: written whole or not at all, read by any number of ranks.

Tensors go through torch.distributed.checkpoint under the names of their parameters, so a run that
was sharded over four ranks goes on with two, or with one that is not sharded.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

RUN = "run.json"
PART = ".part"
KEPT = 2
"""Newest checkpoints that are kept."""


@dataclass(frozen=True)
class TrainingState:
    """Steps done, and where each reader of the data stood."""

    step: int
    readers: dict[int, dict[str, Any]]


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run; None for none."""
    return next(reversed(_whole_ones(folder)), None)


def save_checkpoint(
    folder: Path,
    progress: TrainingState,
    named: Mapping[str, Tensor],
    optimizers: tuple[Optimizer, ...],
    ema: Mapping[str, Tensor],
) -> None:
    """Write a checkpoint; every rank calls this with its own readers."""
    target = folder / f"step-{progress.step}"
    part = folder / f"{target.name}{PART}"
    if own_rank() == 0:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    _barrier()
    with _quietly_alone():
        save(_state(named, optimizers, ema), checkpoint_id=part, no_dist=not dist.is_initialized())
    readers = _gathered(progress.readers)
    if own_rank() == 0:
        record = {"step": progress.step, "readers": {str(k): v for k, v in readers.items()}}
        (part / RUN).write_text(json.dumps(record), encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        _remove_old(folder)
    _barrier()


def load_checkpoint(
    path: Path,
    named: Mapping[str, Tensor],
    optimizers: tuple[Optimizer, ...],
    ema: Mapping[str, Tensor],
) -> TrainingState:
    """Fill weights, optimisers and means in place; where the run stood."""
    _make_room(path, named, optimizers)
    with _quietly_alone():
        load(_state(named, optimizers, ema), checkpoint_id=path, no_dist=not dist.is_initialized())
    record = json.loads((path / RUN).read_text(encoding="utf-8"))
    return TrainingState(record["step"], {int(k): v for k, v in record["readers"].items()})


def _state(
    named: Mapping[str, Tensor], optimizers: tuple[Optimizer, ...], ema: Mapping[str, Tensor]
) -> dict[str, Any]:
    state: dict[str, Any] = {f"weights.{name}": p.detach() for name, p in named.items()}
    state |= {f"mean.{name}": value for name, value in ema.items()}
    for name, p in named.items():
        for optimizer in optimizers:
            for key, value in optimizer.state.get(p, {}).items():
                state[f"optimizer.{name}.{key}"] = value
    return state


def _make_room(path: Path, named: Mapping[str, Tensor], optimizers: tuple[Optimizer, ...]) -> None:
    """Tensors for the optimiser states that the checkpoint has, for it to fill in."""
    owner = {
        p: optimizer
        for optimizer in optimizers
        for group in optimizer.param_groups
        for p in group["params"]
    }
    for name, stored in FileSystemReader(path).read_metadata().state_dict_metadata.items():
        if not name.startswith("optimizer.") or not isinstance(stored, TensorStorageMetadata):
            continue
        of, _, key = name.removeprefix("optimizer.").rpartition(".")
        p = named[of]
        like = p.detach() if stored.size == p.shape else torch.zeros(stored.size)
        dtype = stored.properties.dtype
        owner[p].state[p][key] = torch.zeros_like(like, dtype=dtype)


def _gathered(readers: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    if not dist.is_initialized():
        return readers
    everybody: list[dict[int, dict[str, Any]]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(everybody, readers)
    return {number: state for one in everybody for number, state in one.items()}


def whole(tensor: Tensor) -> Tensor:
    """A tensor that is sharded over ranks, put together; every rank calls this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _whole_ones(folder: Path) -> list[Path]:
    """The whole checkpoints of a run, the newest last."""
    there = (path for path in folder.glob("step-*") if path.suffix != PART)
    found = (path for path in there if (path / RUN).is_file())
    return sorted(found, key=lambda path: int(path.name.partition("-")[2]))


def _remove_old(folder: Path) -> None:
    for path in _whole_ones(folder)[:-KEPT]:
        shutil.rmtree(path)


@contextmanager
def _quietly_alone() -> Iterator[None]:
    """Without torch's warning that there is one process, which is meant."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def own_rank() -> int:
    """Of this process among those of torchrun; 0 where there are no others."""
    return dist.get_rank() if dist.is_initialized() else 0


def _barrier() -> None:
    if dist.is_initialized():
        dist.barrier()
