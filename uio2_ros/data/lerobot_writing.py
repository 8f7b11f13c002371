"""Writes LeRobot data sets of version 3: a parquet file per episode, pictures in it, without loss.

The layout is that of lerobot 0.4.4 with pictures as images (`LeRobotDataset.create(use_videos=
False)`): films lose a little, and a test could not compare them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from uio2_ros.data.shards import DataSetError

VERSION = "v3.0"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_FILE = Path("meta") / "episodes" / "chunk-000" / "file-000.parquet"
CHUNK_FILES = 1000
"""Files in a folder."""
STATISTICS_FRAMES = 100
"""Pictures of an episode that count for the statistics, at most."""
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_COUNTERS = ("frame_index", "episode_index", "index", "task_index")

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float32]


@dataclass
class Statistics:
    """Of (N, n) rows, as they come."""

    count: int = 0
    low: Any = np.inf
    high: Any = -np.inf
    total: Any = 0.0
    squares: Any = 0.0
    rows: int = 0

    def add(self, values: npt.NDArray[Any], count: int | None = None) -> None:
        """(N, n) more; count: of how many frames, where that is not N."""
        values = np.asarray(values, np.float64)
        self.low, self.high = (
            np.minimum(self.low, values.min(0)),
            np.maximum(self.high, values.max(0)),
        )
        self.total, self.squares = self.total + values.sum(0), self.squares + (values**2).sum(0)
        self.rows += len(values)
        self.count += len(values) if count is None else count

    def told(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """As `meta/stats.json` has it."""
        mean = self.total / self.rows
        deviation = np.sqrt(np.maximum(self.squares / self.rows - mean**2, 0.0))
        numbers = {"min": self.low, "max": self.high, "mean": mean, "std": deviation}
        shaped = {name: np.reshape(value, shape).tolist() for name, value in numbers.items()}
        return {**shaped, "count": [self.count]}


@dataclass
class LeRobotWriter:
    """One data set in a new folder. `add` episodes, then `finish`.

    camera: the key of the pictures, such as observation.images.front. state_names: empty: the data
    set has no observation.state.
    """

    folder: Path
    fps: float
    robot_type: str
    camera: str
    action_names: tuple[str, ...]
    state_names: tuple[str, ...] = ()
    _episodes: list[dict[str, Any]] = field(default_factory=list)
    _tasks: dict[str, int] = field(default_factory=dict)
    _statistics: dict[str, Statistics] = field(default_factory=dict)
    _size: tuple[int, ...] = ()
    _frames: int = 0

    def __post_init__(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            raise DataSetError(f"{self.folder} is not empty; name a new folder")

    @property
    def frames(self) -> int:
        """Rows so far."""
        return self._frames

    @property
    def episodes(self) -> int:
        """Episodes so far."""
        return len(self._episodes)

    def add(
        self, task: str, pictures: Iterable[Pixels], actions: Numbers, states: Numbers | None
    ) -> None:
        """One episode: N pictures (H, W, 3), actions (N, n) and states (N, m). DataSetError.

        The pictures are asked for one by one.
        """
        number, count = len(self._episodes), len(actions)
        table = self._table(task, pictures, actions, states)
        chunk, file = divmod(number, CHUNK_FILES)
        path = self.folder / DATA_PATH.format(chunk_index=chunk, file_index=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        self._episodes.append(
            {
                "episode_index": number,
                "tasks": [task],
                "length": count,
                "data/chunk_index": chunk,
                "data/file_index": file,
                "dataset_from_index": self._frames,
                "dataset_to_index": self._frames + count,
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
            }
        )
        self._frames += count

    def finish(self) -> None:
        """Writes what tells of the episodes. DataSetError without any."""
        if not self._episodes:
            raise DataSetError(f"there is no episode for {self.folder}")
        episodes = self.folder / EPISODES_FILE
        episodes.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(self._episodes), episodes)
        pq.write_table(_tasks_table(list(self._tasks)), self.folder / "meta" / "tasks.parquet")
        shapes = {name: tuple(each["shape"]) for name, each in self._features().items()}
        shapes[self.camera] = (3, 1, 1)
        told = {name: each.told(shapes[name]) for name, each in self._statistics.items()}
        _write_json(self.folder / "meta" / "stats.json", told)
        _write_json(self.folder / "meta" / "info.json", self._info())

    def _table(
        self, task: str, pictures: Iterable[Pixels], actions: Numbers, states: Numbers | None
    ) -> pa.Table:
        count, number = len(actions), len(self._episodes)
        frames = np.arange(count)
        columns: dict[str, npt.NDArray[Any]] = {
            **({} if states is None else {"observation.state": states}),
            "action": actions,
            "timestamp": (frames / self.fps).astype(np.float32)[:, np.newaxis],
            "frame_index": frames[:, np.newaxis],
            "episode_index": np.full((count, 1), number),
            "index": (self._frames + frames)[:, np.newaxis],
            "task_index": np.full((count, 1), self._tasks.setdefault(task, len(self._tasks))),
        }
        for name, values in columns.items():
            self._statistics.setdefault(name, Statistics()).add(values)
        cells = [self._cell(picture, frame, count) for frame, picture in enumerate(pictures)]
        arrays = {self.camera: pa.array(cells, _PICTURE)}
        return pa.table(arrays | {name: _column(values) for name, values in columns.items()})

    def _cell(self, picture: Pixels, frame: int, frames: int) -> dict[str, bytes | None]:
        if picture.shape != (self._size or picture.shape):
            raise DataSetError(
                f"a picture of {picture.shape} after one of {self._size}; those of a LeRobot data "
                "set have one size"
            )
        self._size = picture.shape
        if frame % -(-frames // STATISTICS_FRAMES) == 0:
            seen = self._statistics.setdefault(self.camera, Statistics())
            seen.add(picture.reshape(-1, 3) / 255, 1)
        return {"bytes": _png(picture), "path": None}

    def _features(self) -> dict[str, dict[str, Any]]:
        state = {"observation.state": _vector(self.state_names)} if self.state_names else {}
        picture = {
            "dtype": "image",
            "shape": list(self._size),
            "names": ["height", "width", "channels"],
        }
        counters = {name: {"dtype": "int64", "shape": [1], "names": None} for name in _COUNTERS}
        return {
            self.camera: picture,
            **state,
            "action": _vector(self.action_names),
            "timestamp": {"dtype": "float32", "shape": [1], "names": None},
            **counters,
        }

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": VERSION,
            "robot_type": self.robot_type or None,
            "total_episodes": len(self._episodes),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": CHUNK_FILES,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": int(self.fps) if float(self.fps).is_integer() else self.fps,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA_PATH,
            "video_path": None,
            "features": self._features(),
        }


def _vector(names: tuple[str, ...]) -> dict[str, Any]:
    return {"dtype": "float32", "shape": [len(names)], "names": list(names)}


def _column(values: npt.NDArray[Any]) -> pa.Array:
    """(N, n) rows; of one number each, as lerobot has it, plain numbers."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return (
        flat if values.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    )


def _png(picture: Pixels) -> bytes:
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return bytes(data)


def _tasks_table(tasks: Sequence[str]) -> pa.Table:
    """With the task as pandas' index, which is how lerobot finds it."""
    index = "__index_level_0__"
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), index: list(tasks)})
    columns = [
        {
            "name": name,
            "field_name": field_name,
            "pandas_type": kind,
            "numpy_type": numpy_kind,
            "metadata": None,
        }
        for name, field_name, kind, numpy_kind in (
            ("task_index", "task_index", "int64", "int64"),
            (None, index, "unicode", "object"),
        )
    ]
    told = {
        "index_columns": [index],
        "column_indexes": [],
        "columns": columns,
        "pandas_version": "2.2.0",
    }
    return table.replace_schema_metadata({"pandas": json.dumps(told)})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")
