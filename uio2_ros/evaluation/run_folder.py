"""The folder of a run: what is done already, its pictures, and results.json.

records.jsonl has the settings in its first line and one record in each of the others, written as
they come, so that a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np

from uio2_ros.evaluation.records import EpisodeRecord, PerceptionRecord, Record, record_from_json
from uio2_ros.evaluation.run_settings import RunSettings
from uio2_ros.viewing.pen import Pixels

JOURNAL, RESULTS, PICTURES = "records.jsonl", "results.json", "pictures"
FORMAT, VERSION = "uio2_ros evaluation", 1
JPEG_QUALITY = 88


class RunFolderError(ValueError):
    """A folder that cannot hold this run; says why and what to do."""


class RunFolder:
    """Opens the folder of a run, or makes it. RunFolderError for one of another run."""

    def __init__(self, path: Path, settings: RunSettings) -> None:
        self.path = path
        self.records: list[Record] = []
        """What is done, in the order it was."""
        self._lock = threading.Lock()
        self._journal = self._open(settings)
        self._keys = {record.key for record in self.records}

    def _open(self, settings: RunSettings) -> TextIO:
        journal = self.path / JOURNAL
        try:
            if not journal.exists():
                self._expect_empty()
                (self.path / PICTURES).mkdir(parents=True, exist_ok=True)
                return self._begin(journal, settings)
            found, self.records, whole = _read(journal)
            differences = settings.differences(found)
            if differences:
                raise RunFolderError(
                    f"{self.path} holds another run ({'; '.join(differences)}); give the same "
                    "options to continue it, or another folder with -o"
                )
            os.truncate(journal, whole)
            return journal.open("a", encoding="utf-8")
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be used: {error.strerror or error}; give another folder "
                "with -o"
            ) from error

    def _expect_empty(self) -> None:
        if self.path.exists() and any(self.path.iterdir()):
            raise RunFolderError(
                f"{self.path} is not empty and has no {JOURNAL}, so it is no run to continue; "
                "give a new folder with -o"
            )

    def _begin(self, journal: Path, settings: RunSettings) -> TextIO:
        stream = journal.open("w", encoding="utf-8")
        header = {"format": FORMAT, "version": VERSION, "settings": settings.to_json()}
        _write_line(stream, header)
        return stream

    def has(self, key: tuple[str, str, str]) -> bool:
        """Whether the record of that key is there."""
        return key in self._keys

    def add(self, record: Record) -> None:
        """Writes a record at once."""
        with self._lock:
            _write_line(self._journal, record.to_json())
            self.records.append(record)
            self._keys.add(record.key)

    @property
    def episodes(self) -> list[EpisodeRecord]:
        """In the order of policies, tasks and seeds."""
        return sorted(
            (record for record in self.records if isinstance(record, EpisodeRecord)),
            key=lambda record: (record.policy, record.task, record.seed),
        )

    @property
    def perceptions(self) -> list[PerceptionRecord]:
        """In the order of tasks and scenes."""
        return sorted(
            (record for record in self.records if isinstance(record, PerceptionRecord)),
            key=lambda record: (record.task, record.scene, record.asked),
        )

    def save_picture(self, name: str, pixels: Pixels) -> None:
        """Writes a JPEG of an RGB picture."""
        quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
        bgr = np.ascontiguousarray(pixels[:, :, ::-1])
        if not cv2.imwrite(str(self.path / PICTURES / name), bgr, quality):
            raise RunFolderError(f"{self.path / PICTURES / name} cannot be written; is there room?")

    def picture(self, name: str) -> bytes | None:
        """The file of a picture; None where there is none."""
        path = self.path / PICTURES / name
        return path.read_bytes() if path.exists() else None

    def write_results(self, results: dict[str, Any]) -> Path:
        """Writes results.json, whole or not at all."""
        path = self.path / RESULTS
        part = path.with_suffix(".part")
        part.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
        return path

    def close(self) -> None:
        self._journal.close()


def read_results(path: Path) -> dict[str, Any]:
    """A results.json, or that of a folder. RunFolderError for what is none."""
    file = path / RESULTS if path.is_dir() else path
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"{file} cannot be read as results of an evaluation: {error}"
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RunFolderError(f"{file} is no results.json of ./uio2 eval")
    if found.get("version") != VERSION:
        raise RunFolderError(
            f"{file} has version {found.get('version')} of the format; this program reads {VERSION}"
        )
    return found


def records_of(results: dict[str, Any]) -> Iterable[Record]:
    """The records in a results.json."""
    return (record_from_json(found) for found in (*results["episodes"], *results["perception"]))


def _write_line(stream: TextIO, found: dict[str, Any]) -> None:
    stream.write(json.dumps(found) + "\n")
    stream.flush()


def _read(journal: Path) -> tuple[RunSettings, list[Record], int]:
    """Settings, records, and the bytes that are whole lines: the last may be cut off."""
    raw = journal.read_bytes()
    whole = raw.rfind(b"\n") + 1
    lines = raw[:whole].decode("utf-8").splitlines()
    try:
        header, *rest = [json.loads(line) for line in lines]
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise ValueError(f"it is {header['format']} {header['version']}")
        settings = RunSettings.from_json(header["settings"])
        return settings, [record_from_json(found) for found in rest], whole
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"{journal} cannot be continued: {error}; give a new folder with -o"
        ) from error
