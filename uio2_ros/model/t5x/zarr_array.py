"""An array in a folder of chunks: zarr version 2 as T5X writes it."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uio2_ros.model.t5x.tensors import Array, Shape, StoredArray, storage
from uio2_ros.robot.errors import CheckpointError

LISTED_CHUNKS = 8
_DTYPES = {"<f4": "float32", "<f2": "float16", "bfloat16": "bfloat16"}
_NEEDED = ("shape", "chunks", "dtype")
_ONLY = {
    "zarr_format": (2,),
    "order": ("C",),
    "filters": (None,),
    "dimension_separator": (".", "/"),
}
_COMPRESSORS = ("gzip", None)


def open_zarr(folder: Path) -> StoredArray:
    """The array in a folder. CheckpointError for a folder that is none, or one of another kind."""
    zarr = _ZarrArray.of(folder)
    return StoredArray(zarr.shape, zarr.dtype, zarr.read_into)


@dataclass(frozen=True)
class _ZarrArray:
    folder: Path
    shape: Shape
    chunks: Shape
    dtype: str
    compressed: bool
    separator: str
    fill_value: float | None

    @staticmethod
    def of(folder: Path) -> _ZarrArray:
        path = folder / ".zarray"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CheckpointError(f"{folder} is no zarr array: {error}") from error
        except ValueError as error:
            raise CheckpointError(f"{path} is damaged: {error}") from error
        return _ZarrArray._checked(folder, path, data)

    @staticmethod
    def _checked(folder: Path, path: Path, data: Any) -> _ZarrArray:
        if not isinstance(data, dict) or any(key not in data for key in _NEEDED):
            raise CheckpointError(f"{path} lacks one of {', '.join(_NEEDED)}")
        for key, accepted in _ONLY.items():
            if data.get(key, accepted[0]) not in accepted:
                raise CheckpointError(f"{path}: {key} {data[key]!r} is not supported")
        compressor = data.get("compressor")
        kind = compressor.get("id") if isinstance(compressor, dict) else compressor
        if kind not in _COMPRESSORS:
            raise CheckpointError(f"{path}: compressor {kind!r} is not supported, only gzip")
        shape, chunks = (_sizes(data[key], path, key) for key in ("shape", "chunks"))
        if len(shape) != len(chunks) or 0 in chunks:
            raise CheckpointError(f"{path}: chunks {chunks} do not divide an array of {shape}")
        dtype = _DTYPES.get(str(data["dtype"]), str(data["dtype"]))
        storage(dtype, str(path))
        fill = data.get("fill_value")
        separator = data.get("dimension_separator", ".")
        return _ZarrArray(folder, shape, chunks, dtype, kind is not None, separator, fill)

    def read_into(self, out: Array) -> None:
        """Fill an array of this shape, chunk by chunk. CheckpointError for what is not there."""
        missing = [name for _, name in self._grid() if not (self.folder / name).is_file()]
        if missing and self.fill_value is None:
            more = (
                f" and {len(missing) - LISTED_CHUNKS} more" if len(missing) > LISTED_CHUNKS else ""
            )
            raise CheckpointError(
                f"{self.folder} lacks the chunks {', '.join(missing[:LISTED_CHUNKS])}{more}: "
                "download it again"
            )
        buffer = np.empty(self.chunks, storage(self.dtype, str(self.folder)))
        for index, name in self._grid():
            place = tuple(
                slice(i * size, min((i + 1) * size, full))
                for i, size, full in zip(index, self.chunks, self.shape, strict=True)
            )
            if name in missing:
                out[place] = self.fill_value
            else:
                self._read_chunk(self.folder / name, buffer)
                out[place] = buffer[tuple(slice(0, part.stop - part.start) for part in place)]

    def _grid(self) -> Iterator[tuple[Shape, str]]:
        """The index and the file name of every chunk; an array without axes has the chunk 0."""
        counts = [math.ceil(n / size) for n, size in zip(self.shape, self.chunks, strict=True)]
        for index in itertools.product(*map(range, counts)):
            yield index, self.separator.join(map(str, index)) or "0"

    def _read_chunk(self, path: Path, buffer: Array) -> None:
        """Fill a whole chunk, also at the upper edge, where T5X pads it."""
        memory: memoryview = buffer.reshape(-1).view(np.uint8).data
        opened = gzip.open if self.compressed else open
        try:
            with opened(path, "rb") as file:
                filled = 0
                while filled < len(memory) and (count := file.readinto(memory[filled:])):
                    filled += count
                complete = filled == len(memory) and not file.read(1)
        except (OSError, EOFError, zlib.error) as error:
            raise CheckpointError(f"the chunk {path} is damaged: {error}") from error
        if not complete:
            raise CheckpointError(
                f"the chunk {path} has not the {len(memory)} bytes of {self.chunks} "
                f"{self.dtype}: download it again"
            )


def _sizes(value: Any, path: Path, key: str) -> Shape:
    if not isinstance(value, list) or any(type(n) is not int or n < 0 for n in value):
        raise CheckpointError(f"{path}: {key} is {value!r}, expected a list of sizes")
    return tuple(value)
