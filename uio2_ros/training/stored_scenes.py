"""Labelled scenes of shards as plain arrays: read once, then mapped, in any order.

Decoding a sample with all that is asked of it takes longer than a small ViT's step.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError, read_shard
from uio2_ros.training.dense import LabelledScene

FIELDS = ("pixels", "labels", "objects")


class StoredScenes(Sequence[LabelledScene]):
    """The scenes of some shards, in order. Those that are not in the folder yet are put there.

    Pictures must be of one size. Raises DataSetError where they are not, and as `read_shard`.
    """

    def __init__(
        self, folder: Path, shards: Sequence[Path], scene_of: Callable[[Sample], LabelledScene]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        places = [folder / _name(path) for path in shards]
        missing = [
            at for at in zip(shards, places, strict=True) if not _file(at[1], FIELDS[-1]).exists()
        ]
        for path, place in tqdm(missing, "reading scenes", unit="shard", disable=not missing):
            _store(place, [scene_of(sample) for sample in read_shard(path)])
        self._parts = [
            [np.load(_file(at, name), mmap_mode="r") for name in FIELDS] for at in places
        ]
        if len({pixels.shape[1:] for pixels, *_ in self._parts}) > 1:
            raise DataSetError("pictures of the shards have different sizes")
        self._ends = np.cumsum([len(part[0]) for part in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @overload
    def __getitem__(self, index: int) -> LabelledScene: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LabelledScene]: ...
    def __getitem__(self, index: int | slice) -> LabelledScene | Sequence[LabelledScene]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        part = int(np.searchsorted(self._ends, index, side="right"))
        pixels, labels, objects = self._parts[part]
        row = index - int(self._ends[part])
        return LabelledScene(pixels[row], labels[row], np.array(objects[row]))


def _name(shard: Path) -> str:
    """Shards of several folders have equal names."""
    return f"{zlib.crc32(str(shard.parent.resolve()).encode()):08x}-{shard.stem}"


def _file(place: Path, name: str) -> Path:
    return place.with_name(f"{place.name}.{name}.npy")


def _store(place: Path, scenes: Sequence[LabelledScene]) -> None:
    """Every file appears whole, that of the last field at the end, whoever else writes the same."""
    for name in FIELDS:
        stacked: npt.NDArray[Any] = np.stack([getattr(scene, name) for scene in scenes])
        part = _file(place, f"{name}.{os.getpid()}.part")
        np.save(part, stacked)
        part.replace(_file(place, name))
