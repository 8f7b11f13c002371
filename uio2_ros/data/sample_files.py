"""A sample as files and back: one JSON record, and pictures and sound that the record names.

In a tar archive the files of a sample share its key (`000017.json`, `000017.image.jpg`, ...): the
layout of WebDataset, whose tools read it too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from uio2_ros.data.media_files import (
    PICTURE_FILES,
    jpeg_bytes,
    picture_of,
    png_bytes,
    sound_bytes,
    sound_of,
)
from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.robot.answer import Answer, Picture, Timings
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.records import plain, structured
from uio2_ros.settings import check, setting

FORMAT = 1
"""Raised when a record means something else than before."""
ANSWER_RATE_HZ = 16000
"""Of the sound in an answer."""
RECORD = "json"


class SampleError(ValueError):
    """Files that are no sample; the message names the sample and the file."""


@dataclass(frozen=True)
class Storage:
    """How exactly a camera's pictures are kept."""

    jpeg_quality: int = setting(95, "of pictures; 0: PNG, which is exact", high=100)

    def __post_init__(self) -> None:
        check(self)

    def picture(self, pixels: Any) -> tuple[str, bytes]:
        """Ending and content of a picture's file."""
        if not self.jpeg_quality:
            return ".png", png_bytes(pixels)
        return ".jpg", jpeg_bytes(pixels, self.jpeg_quality)


@dataclass
class _Files:
    """The files of a sample while they are collected: equal arrays are stored once."""

    storage: Storage
    content: dict[str, bytes] = field(default_factory=dict)
    _names: dict[tuple[str, int], str] = field(default_factory=dict)

    def holding(self, array: Any) -> str | None:
        """The name under which an array is stored as a camera's picture, if it is."""
        names = (self._names.get((kind, id(array))) for kind in ("image", "history"))
        return next((name for name in names if name is not None), None)

    def add(self, kind: str, array: Any, encode: Callable[[], tuple[str, bytes]]) -> str:
        """The name (without the key) under which an array is stored."""
        known = self._names.get((kind, id(array)))
        if known is not None:
            return known
        number = sum(name_kind == kind for name_kind, _ in self._names)
        ending, data = encode()
        name = f"{kind}{number}{ending}"
        self._names[kind, id(array)] = name
        self.content[name] = data
        return name


def sample_files(sample: Sample, storage: Storage | None = None) -> dict[str, bytes]:
    """The files of a sample, by name without the key; the record is `json` and comes first.

    Raises InvalidInputError for arrays that cannot be stored. Timings of answers are not kept.
    """
    files = _Files(storage or Storage())
    record = {
        "format": FORMAT,
        "observation": _observation_record(sample.observation, files),
        "tasks": [_task_record(task, files) for task in sample.tasks],
        "meta": dict(sample.meta),
    }
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return {RECORD: text.encode(), **files.content}


def sample_of(key: str, files: Mapping[str, bytes]) -> Sample:
    """The sample that files hold. Raises SampleError."""
    try:
        record = json.loads(files[RECORD])
        if record["format"] != FORMAT:
            raise SampleError(
                f"sample {key} has format {record['format']}, this version reads format {FORMAT}; "
                "write the data set anew"
            )
        return Sample(
            key=key,
            observation=_observation(record["observation"], files),
            tasks=tuple(_task(task, files) for task in record["tasks"]),
            meta=record["meta"],
        )
    except KeyError as problem:
        raise SampleError(f"sample {key} lacks {problem}") from problem
    except SampleError:
        raise
    except (ValueError, TypeError, RuntimeError) as problem:
        raise SampleError(f"sample {key}: {problem}") from problem


def _observation_record(seen: Observation, files: _Files) -> dict[str, Any]:
    record: dict[str, Any] = {
        "image": None if seen.image is None else _frame_record("image", seen.image, files),
        "history": [_frame_record("history", frame, files) for frame in seen.history],
        "audio": None,
        "camera": None if seen.camera is None else plain(seen.camera, defaults=False),
        "robot_history": list(seen.robot_history),
    }
    if seen.audio is not None:
        sound, rate_hz = seen.audio, seen.audio_rate
        name = files.add("audio", sound, lambda: (".flac", sound_bytes(sound, rate_hz)))
        record["audio"] = {"file": name, "rate_hz": rate_hz}
    return record


def _frame_record(kind: str, frame: Frame, files: _Files) -> dict[str, Any]:
    name = files.add(kind, frame.pixels, lambda: files.storage.picture(frame.pixels))
    return {"file": name, "stamp_ns": frame.stamp_ns, "frame_id": frame.frame_id}


def _observation(record: Mapping[str, Any], files: Mapping[str, bytes]) -> Observation:
    image, sound, camera = record["image"], record["audio"], record["camera"]
    return Observation(
        image=None if image is None else _frame(image, files),
        history=tuple(_frame(frame, files) for frame in record["history"]),
        audio=None if sound is None else sound_of(files[sound["file"]]),
        audio_rate=ANSWER_RATE_HZ if sound is None else int(sound["rate_hz"]),
        camera=None if camera is None else structured(camera, CameraModel, "camera"),
        robot_history=tuple(record["robot_history"]),
    )


def _frame(record: Mapping[str, Any], files: Mapping[str, bytes]) -> Frame:
    return Frame(
        pixels=picture_of(files[record["file"]]),
        stamp_ns=int(record["stamp_ns"]),
        frame_id=str(record["frame_id"]),
    )


def _task_record(task: LabelledTask, files: _Files) -> dict[str, Any]:
    bare = replace(task.answer, pictures=(), audio=(), timings=Timings())
    return {
        "instruction": plain(task.instruction, defaults=False),
        "answer": plain(bare, defaults=False),
        "pictures": [_picture_record(picture, files) for picture in task.answer.pictures],
        "sounds": [_sound_name(sound, files) for sound in task.answer.audio],
        **({"accepted": list(task.accepted)} if task.accepted else {}),
    }


def _picture_record(picture: Picture, files: _Files) -> dict[str, Any]:
    if picture.role not in PICTURE_FILES:
        raise SampleError(
            f"a picture has the role {picture.role!r}; expected one of {', '.join(PICTURE_FILES)}"
        )
    ending, encode, _ = PICTURE_FILES[picture.role]
    name = files.holding(picture.pixels) or files.add(
        picture.role, picture.pixels, lambda: (ending, encode(picture.pixels))
    )
    return {
        "file": name,
        "role": picture.role,
        "label": picture.label,
        "score": float(picture.score),
    }


def _sound_name(sound: Any, files: _Files) -> str:
    return files.add("sound", sound, lambda: (".flac", sound_bytes(sound, ANSWER_RATE_HZ)))


def _task(record: Mapping[str, Any], files: Mapping[str, bytes]) -> LabelledTask:
    pictures = tuple(_picture(picture, files) for picture in record["pictures"])
    sounds = tuple(sound_of(files[name]) for name in record["sounds"])
    answer = replace(
        structured(record["answer"], Answer, "answer"), pictures=pictures, audio=sounds
    )
    instruction = structured(record["instruction"], Instruction, "instruction")
    return LabelledTask(instruction, answer, tuple(map(str, record.get("accepted", ()))))


def _picture(record: Mapping[str, Any], files: Mapping[str, bytes]) -> Picture:
    decode = PICTURE_FILES[record["role"]][2]
    return Picture(
        role=record["role"],
        pixels=decode(files[record["file"]]),
        label=record["label"],
        score=record["score"],
    )
