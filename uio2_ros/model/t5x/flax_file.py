"""A tree of arrays in one msgpack file, as flax writes it: read array by array, in its order."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack

from uio2_ros.model.t5x.index import CHUNKED, decode_extension, join_chunks, stored
from uio2_ros.model.t5x.tensors import StoredArray
from uio2_ros.robot.errors import CheckpointError

MAP_16, MAP_32 = 0xDE, 0xDF  # first bytes of msgpack's larger maps
READ_BYTES = 1 << 24


def flax_arrays(path: Path) -> Iterator[tuple[str, StoredArray]]:
    """Paths, joined with `/`, and arrays. Memory holds one array at a time.

    Raises CheckpointError for a file that is cut off or holds anything but a tree of arrays.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            yield from _Reader(path, file, view).tree("")
    except CheckpointError:
        raise
    except Exception as error:  # msgpack raises many kinds for bytes that are none of its own
        raise CheckpointError(
            f"{path} is no complete flax file ({error!r}): download it again"
        ) from error


class _Reader:
    def __init__(self, path: Path, file: Any, view: mmap.mmap) -> None:
        self._path, self._view = path, view
        self._unpacker = msgpack.Unpacker(
            file,
            ext_hook=decode_extension,
            strict_map_key=False,
            read_size=READ_BYTES,
            max_buffer_size=len(view) + READ_BYTES,
        )

    def tree(self, where: str) -> Iterator[tuple[str, StoredArray]]:
        """The arrays of the map that comes next."""
        if not self._map_is_next():
            raise CheckpointError(f"{self._path} does not hold a tree of arrays")
        for number in range(self._unpacker.read_map_header()):
            key = self._unpacker.unpack()
            if number == 0 and key == CHUNKED:
                yield where, self._chunked(where)
                return
            path = f"{where}/{key}" if where else str(key)
            if self._map_is_next():
                yield from self.tree(path)
            else:
                yield path, stored(self._unpacker.unpack(), path)

    def _chunked(self, where: str) -> StoredArray:
        self._unpacker.unpack()  # the value of the key CHUNKED
        rest = {self._unpacker.unpack(): self._unpacker.unpack() for _ in ("shape", "chunks")}
        return join_chunks(rest, where)

    def _map_is_next(self) -> bool:
        first = self._view[self._unpacker.tell()]
        return 0x80 <= first <= 0x8F or first in (MAP_16, MAP_32)
