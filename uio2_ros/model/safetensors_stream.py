"""Safetensors files written tensor by tensor, so that memory never holds more than one of them.

The library writes what is in memory as a whole. The format is eight bytes of length, that many of
JSON, and the tensors one after another (huggingface.co/docs/safetensors, Format).
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

Shape = tuple[int, ...]
PART = ".part"
_CODES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
_ALIGNMENT = 8


@dataclass(frozen=True)
class Entry:
    """A tensor to be written; `read` gives it when its turn comes."""

    name: str
    shape: Shape
    dtype: torch.dtype
    read: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        return int(torch.Size(self.shape).numel()) * self.dtype.itemsize


def write_stream(
    path: Path,
    entries: Sequence[Entry],
    metadata: Mapping[str, str],
    advance: Callable[[int], object],
) -> None:
    """Write a file, or go on with one that was begun with the same entries and metadata.

    Until it is complete its name ends with `.part`. `advance` hears the bytes of every tensor,
    those that stood there already included.
    """
    part = path.with_name(path.name + PART)
    header = _header(entries, metadata)
    if _begins_with(path, header):
        advance(sum(entry.nbytes for entry in entries))
        return
    begun = _begins_with(part, header)
    with part.open("r+b" if begun else "wb") as file:
        if not begun:
            file.write(header)
        done = _whole(entries, part.stat().st_size - len(header)) if begun else 0
        written = sum(entry.nbytes for entry in entries[:done])
        file.truncate(len(header) + written)
        file.seek(len(header) + written)
        advance(written)
        for entry in entries[done:]:
            file.write(_bytes(entry))
            advance(entry.nbytes)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _header(entries: Iterable[Entry], metadata: Mapping[str, str]) -> bytes:
    table: dict[str, object] = {"__metadata__": dict(metadata)}
    start = 0
    for entry in entries:
        end = start + entry.nbytes
        table[entry.name] = {
            "dtype": _CODES[entry.dtype],
            "shape": list(entry.shape),
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return struct.pack("<Q", len(text)) + text


def _begins_with(path: Path, header: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(header)) == header
    except FileNotFoundError:
        return False


def _whole(entries: Sequence[Entry], present: int) -> int:
    """How many tensors surely stand in as many bytes: the last one may be cut off."""
    count = end = 0
    for entry in entries:
        end += entry.nbytes
        if end >= present:
            break
        count += 1
    return count


def _bytes(entry: Entry) -> memoryview:
    tensor = entry.read().to(entry.dtype).contiguous()
    if tuple(tensor.shape) != entry.shape:
        raise ValueError(f"{entry.name} is {tuple(tensor.shape)}, announced was {entry.shape}")
    values: memoryview = tensor.reshape(-1).view(torch.uint8).numpy().data
    return values
