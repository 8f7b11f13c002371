"""The file `checkpoint` of a T5X folder: which arrays there are, and where each of them is.

It is the msgpack of a tree, written by flax. A leaf is a reference to a zarr folder, or the array
itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from uio2_ros.model.t5x.tensors import Array, StoredArray, storage
from uio2_ros.model.t5x.zarr_array import open_zarr
from uio2_ros.robot.errors import CheckpointError

VERSION = 3
BFLOAT16_AS_INTEGERS = 2  # the version that did so
CHUNKED = "__msgpack_chunked_array__"
REFERENCE = ("driver", "kvstore", "metadata")
ARRAY, COMPLEX, SCALAR = 1, 2, 3  # flax's extension types of msgpack


def read_index(path: Path) -> dict[str, StoredArray]:
    """The arrays of `target` by their paths, joined with `/`; only what is inline is read.

    Raises CheckpointError for an index that is cut off or of another version, for references that
    leave the folder and for those that contradict the arrays they point to.
    """
    try:
        content = msgpack.unpackb(
            path.read_bytes(), ext_hook=decode_extension, strict_map_key=False
        )
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # msgpack raises many kinds for bytes that are none of its own
        raise CheckpointError(
            f"{path} is cut off or damaged ({error}): download it again"
        ) from error
    try:
        return dict(_leaves(_target(content, path), "", path))
    except CheckpointError:
        raise
    except (TypeError, ValueError, RecursionError, OSError) as error:  # a tree of other values
        raise CheckpointError(f"{path} is damaged: {error}") from error


def _target(content: Any, path: Path) -> Mapping[str, Any]:
    version = content.get("version") if isinstance(content, Mapping) else None
    if version == BFLOAT16_AS_INTEGERS:
        raise CheckpointError(
            f"{path} has version 2, whose bfloat16 arrays say that they are uint16"
        )
    if version != VERSION:
        raise CheckpointError(f"{path} has version {version!r}; expected {VERSION}")
    optimizer = content.get("optimizer")
    target = optimizer.get("target") if isinstance(optimizer, Mapping) else None
    if not isinstance(target, Mapping) or not target:
        raise CheckpointError(f"{path} has no optimizer.target: it is no checkpoint of a model")
    return target


def _leaves(tree: Any, where: str, index: Path) -> Iterator[tuple[str, StoredArray]]:
    if isinstance(tree, _Inline):
        yield where, stored(tree, where)
    elif isinstance(tree, Mapping) and all(key in tree for key in REFERENCE):
        yield where, _referenced(tree, where, index)
    elif isinstance(tree, Mapping) and CHUNKED in tree:
        yield where, join_chunks(tree, where)
    elif isinstance(tree, Mapping):
        for key, subtree in tree.items():
            yield from _leaves(subtree, f"{where}/{key}" if where else str(key), index)
    elif tree is not None:
        raise CheckpointError(f"{index}: {where} is a {type(tree).__name__}, expected an array")


def _referenced(reference: Mapping[str, Any], where: str, index: Path) -> StoredArray:
    store = reference["kvstore"]
    named = store.get("path") if isinstance(store, Mapping) else None
    named = named or reference.get("path")  # beside kvstore where very old programs wrote it
    if reference["driver"] != "zarr" or not isinstance(named, str):
        raise CheckpointError(f"{index}: {where} is no reference to a zarr array: {reference!r}")
    folder = (index.parent / named).resolve()
    if index.parent.resolve() not in folder.parents:
        raise CheckpointError(f"{index}: {where} refers to {named!r}, outside of the checkpoint")
    array = open_zarr(folder)
    said = (
        reference["metadata"].get("shape") if isinstance(reference["metadata"], Mapping) else None
    )
    if said is not None and tuple(said) != array.shape:
        raise CheckpointError(f"{folder} has the shape {array.shape}, {index} says {tuple(said)}")
    dtype = reference.get("dtype", array.dtype)
    if dtype != array.dtype:
        raise CheckpointError(f"{folder} holds {array.dtype}, {index} says {dtype}")
    return array


class _Inline:
    """An array that stands in the index itself."""

    def __init__(self, values: Array, dtype: str) -> None:
        self.values, self.dtype = values, dtype


def stored(array: object, where: str) -> StoredArray:
    """The array that stands in the file itself; CheckpointError for a value that is none."""
    if not isinstance(array, _Inline):
        raise CheckpointError(f"{where} is a {type(array).__name__}, expected an array")
    values = array.values
    storage(array.dtype, where)

    def read_into(out: Array) -> None:
        out[...] = values

    return StoredArray(values.shape, array.dtype, read_into)


def join_chunks(tree: Mapping[str, Any], where: str) -> StoredArray:
    """An array above 2^30 bytes, which flax cuts into flat parts."""
    parts, shape = tree.get("chunks", {}), tree.get("shape", {})
    try:
        arrays = [parts[str(n)] for n in range(len(parts))]
        sizes = tuple(int(shape[str(n)]) for n in range(len(shape)))
        values = np.concatenate([part.values for part in arrays]).reshape(sizes)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{where} is an array in parts that do not fit: {error!r}") from error
    return stored(_Inline(values, arrays[0].dtype), where)


def decode_extension(code: int, payload: bytes) -> Any:
    """What flax wrote as one of its own types of msgpack; CheckpointError for any other type."""
    decode = _EXTENSIONS.get(code)
    if decode is None:
        raise CheckpointError(f"the index has a value of the unknown msgpack type {code}")
    return decode(payload)


def _array(payload: bytes) -> _Inline:
    shape, dtype, data = msgpack.unpackb(payload)
    name = dtype.decode() if isinstance(dtype, bytes) else dtype
    kind = np.dtype("<i2") if name == "bfloat16" else np.dtype(name).newbyteorder("<")
    return _Inline(np.frombuffer(data, kind).reshape(shape), name)


def _complex(payload: bytes) -> complex:
    return complex(*msgpack.unpackb(payload))


_EXTENSIONS: Mapping[int, Callable[[bytes], Any]] = {
    ARRAY: _array,
    COMPLEX: _complex,
    SCALAR: _array,
}
