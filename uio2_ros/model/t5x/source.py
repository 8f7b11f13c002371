"""Finding a JAX checkpoint: a run's folder, the folder of a step, its index, or a flat .npz."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from uio2_ros.model.t5x.index import read_index
from uio2_ros.model.t5x.tensors import Array, Shape, StoredArray, storage
from uio2_ros.robot.errors import CheckpointError

INDEX = "checkpoint"
_STEP = re.compile(r"checkpoint_(\d+)")
_IGNORED = ("state.", "state/")  # of the optimizer


@dataclass(frozen=True)
class JaxCheckpoint:
    """The arrays of a network by their paths, such as `encoder/layers_0/mlp/wo/kernel`.

    `fingerprint` names the content: that of the index, or the sizes and checksums in the archive.
    """

    path: Path
    arrays: Mapping[str, StoredArray]
    fingerprint: str


def is_jax_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether `open_checkpoint` is who reads it."""
    path = Path(path).expanduser()
    return path.suffix == ".npz" or _index(path) is not None


def open_checkpoint(path: str | os.PathLike[str]) -> JaxCheckpoint:
    """The checkpoint; of a run's folder its last step. Raises CheckpointError."""
    path = Path(path).expanduser()
    if path.suffix == ".npz":
        return _open_npz(path)
    index = _index(path)
    if index is None:
        raise CheckpointError(
            f"{path} is no JAX checkpoint: expected a T5X folder with the file {INDEX!r}, a run's "
            f"folder with {INDEX}_<step>, or an .npz file"
        )
    fingerprint = hashlib.sha256(index.read_bytes()).hexdigest()
    return JaxCheckpoint(index.parent, read_index(index), fingerprint)


def _index(path: Path) -> Path | None:
    """The index at a path or below it; folders that are still written (.tmp-...) do not count."""
    if path.is_file():
        return path if path.name == INDEX else None
    if (path / INDEX).is_file():
        return path / INDEX
    steps = (
        (int(match[1]), folder / INDEX)
        for folder in (path.iterdir() if path.is_dir() else ())
        if (match := _STEP.fullmatch(folder.name)) and (folder / INDEX).is_file()
    )
    return max(steps, default=(0, None))[1]


def _open_npz(path: Path) -> JaxCheckpoint:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            arrays = {
                _tree_path(member.filename): _member(archive, path, member) for member in members
            }
    except CheckpointError:
        raise
    except Exception as error:  # zipfile raises many kinds for files that are damaged
        raise CheckpointError(f"{path} is no complete .npz file: {error}") from error
    listed = repr([(member.filename, member.file_size, member.CRC) for member in members])
    kept = {name: array for name, array in arrays.items() if not name.startswith(_IGNORED)}
    return JaxCheckpoint(path, kept, hashlib.sha256(listed.encode()).hexdigest())


def _tree_path(name: str) -> str:
    name = name.removesuffix(".npy").replace(".", "/").strip("/")
    return name.removeprefix("target/")


def _member(archive: zipfile.ZipFile, path: Path, member: zipfile.ZipInfo) -> StoredArray:
    with archive.open(member) as file:
        shape, dtype = _header(file, f"{path}: {member.filename}")

    def read_into(out: Array) -> None:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                out[...] = arrays[member.filename.removesuffix(".npy")]
        except Exception as error:  # zipfile raises many kinds for files that are damaged
            raise CheckpointError(f"{path}: {member.filename} is damaged: {error}") from error

    return StoredArray(shape, dtype, read_into)


def _header(file: object, where: str) -> tuple[Shape, str]:
    version = np.lib.format.read_magic(file)  # type: ignore[arg-type]
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)  # type: ignore[arg-type]
    if dtype.hasobject:
        raise CheckpointError(
            f"{where} is a pickled tree, which is not executed; save the tree flat: one array an "
            "entry, its path joined with dots"
        )
    storage(dtype.name, where)
    return tuple(shape), dtype.name
