"""Data sets as folders of tar archives: `dataset.json`, then `shard-000000.tar` and so on.

A shard appears under its name only when it is complete, so a writer that is interrupted goes on
where it stopped. The archives are in WebDataset's layout.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from uio2_ros.data.sample import Sample
from uio2_ros.data.sample_files import RECORD, SampleError, Storage, sample_files, sample_of

DESCRIPTION = "dataset.json"
_PART = ".part"


class DataSetError(ValueError):
    """A data set that cannot be read or written; the message names the file."""


class WritingError(DataSetError):
    """A data set that could not be written this time; what is there can be gone on with."""


@dataclass(frozen=True)
class DataSet:
    """A folder of shards and the settings they were made with."""

    folder: Path
    settings: Mapping[str, Any]

    @classmethod
    def create(cls, folder: Path, settings: Mapping[str, Any]) -> DataSet:
        """A new data set, or the one that is there if it has the same settings (JSON values).

        Raises DataSetError if it has others, or if the folder holds something else.
        """
        description = folder / DESCRIPTION
        if description.exists():
            found = cls.open(folder)
            wanted = json.loads(json.dumps(settings))
            if found.settings != wanted:
                raise DataSetError(_differences(description, found.settings, wanted))
            return found
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataSetError(f"{folder} is no data set and not empty; name another folder")
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(description, json.dumps(settings, indent=2).encode() + b"\n")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> DataSet:
        """The data set in a folder. Raises DataSetError."""
        description = folder / DESCRIPTION
        try:
            return cls(folder, json.loads(description.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise DataSetError(f"{folder} is no data set: it has no {DESCRIPTION}") from None
        except ValueError as problem:
            raise DataSetError(f"{description} is not valid JSON: {problem}") from problem

    def shard(self, number: int) -> Path:
        """Where a shard is or will be."""
        return self.folder / f"shard-{number:06d}.tar"

    @property
    def shards(self) -> tuple[Path, ...]:
        """The complete shards, in order."""
        return tuple(sorted(self.folder.glob("shard-*.tar")))

    def discard(self) -> None:
        """Removes the shards and the description, and the folder if nothing else is in it."""
        for path in (*self.shards, self.folder / DESCRIPTION):
            path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def samples(self) -> Iterator[Sample]:
        """All samples in order. Raises DataSetError or SampleError where one cannot be read."""
        return itertools.chain.from_iterable(map(read_shard, self.shards))


def write_shard(path: Path, samples: Iterable[Sample], storage: Storage | None = None) -> int:
    """Writes a shard at once or not at all; the number of its samples.

    Equal samples give equal bytes. Raises DataSetError for a key that comes twice, and for what
    cannot be written.
    """
    part = path.with_name(path.name + _PART)
    try:
        with part.open("wb") as file:
            count = _write_archive(file, path, samples, storage)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as problem:
        raise WritingError(
            f"{path} cannot be written: {problem.strerror or problem}; make room or name another "
            "folder, and write again to go on"
        ) from problem
    finally:
        part.unlink(missing_ok=True)
    return count


def _write_archive(
    file: BinaryIO, path: Path, samples: Iterable[Sample], storage: Storage | None
) -> int:
    keys: set[str] = set()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for sample in samples:
            if sample.key in keys:
                raise DataSetError(f"two samples of {path} have the key {sample.key!r}")
            keys.add(sample.key)
            for name, data in sample_files(sample, storage).items():
                entry = tarfile.TarInfo(f"{sample.key}.{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return len(keys)


def read_shard(path: Path) -> Iterator[Sample]:
    """The samples of a shard. Raises DataSetError for the archive, SampleError for a sample."""
    key, files = "", dict[str, bytes]()
    try:
        with tarfile.open(path, mode="r|") as archive:
            for entry in archive:
                of, _, name = Path(entry.name).name.partition(".")
                if of != key and files:
                    yield sample_of(key, files)
                    files = {}
                key = of
                content = archive.extractfile(entry)
                if content is not None:
                    files[name] = content.read()
        if files:
            yield sample_of(key, files)
    except (tarfile.TarError, EOFError, OSError) as problem:
        raise DataSetError(f"{path} cannot be read: {problem}; remove it and write it anew") from (
            problem
        )
    except SampleError as problem:
        raise SampleError(f"{path}: {problem}") from problem


def shard_records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The keys and JSON records of a shard's samples, without their pictures. DataSetError."""
    try:
        with tarfile.open(path, mode="r|") as archive:
            for entry in archive:
                content = archive.extractfile(entry)
                key, _, name = entry.name.partition(".")
                if content is not None and name == RECORD:
                    yield key, json.loads(content.read())
    except (tarfile.TarError, EOFError, OSError, ValueError) as problem:
        raise DataSetError(f"{path} cannot be read: {problem}; remove it and write it anew") from (
            problem
        )


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + _PART)
    part.write_bytes(data)
    part.replace(path)


def _differences(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    names = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    told = ", ".join(f"{name} {found.get(name)!r} and not {wanted.get(name)!r}" for name in names)
    return f"{path} was made with {told}; go on with the same settings, or write to another folder"
