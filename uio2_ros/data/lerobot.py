"""Imports LeRobot data sets, version 3: parquet tables, and pictures in video files or tables.

The format: `meta/info.json` names the features and the path patterns, `meta/tasks.parquet` the
instructions, `meta/episodes/` says per episode which rows and which seconds of which video file
are its own. Every frame that is taken becomes one sample with the task `act`: the picture, the
earlier ones as history, and the actions that followed as a chunk in a continuous action space.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from uio2_ros.data.action_chunks import act_task, expect_continuous, expect_in_range
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError
from uio2_ros.robot.action_space import SI_FACTORS, ActionSpace
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import NS_PER_S

VERSION = "v3"
INFO = Path("meta") / "info.json"
_TASKS = Path("meta") / "tasks.parquet"
_EPISODES = Path("meta") / "episodes"
_PICTURES = "observation.images."
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ImportSettings:
    """What becomes of an episode.

    The actions' numbers are taken in the units of the action space's file, and as many follow a
    picture as the space has in a chunk. camera: name of a picture feature ("" = the only one);
    history_frames earlier pictures, each history_period_s before the next; every `stride`-th frame
    becomes a sample.
    """

    action_space: ActionSpace
    camera: str = ""
    history_frames: int = 4
    history_period_s: float = 1.0
    stride: int = 1

    def __post_init__(self) -> None:
        expect_continuous(self.action_space)
        for name, least in (("history_frames", 0), ("stride", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; give {least} or more")
        if not self.history_period_s > 0:
            raise ValueError(f"history_period_s is {self.history_period_s}; give more than 0")


@dataclass(frozen=True)
class Episode:
    """Rows [first, last) of the data, what was to be done, and where its video is."""

    index: int
    first: int
    last: int
    instruction: str
    data_file: Path
    video_file: Path | None
    video_start_s: float


class LeRobotDataSet:
    """A LeRobot data set in a folder. Raises DataSetError for what is not one."""

    def __init__(self, folder: Path, camera: str = "") -> None:
        self.folder = folder
        self.info = _read_info(folder / INFO)
        self.camera = _choose_camera(self.info["features"], camera, folder)
        self.fps = float(self.info["fps"])

    @property
    def stores_video(self) -> bool:
        """Whether pictures are frames of video files, not files in the tables."""
        return bool(self.info["features"][self.camera]["dtype"] == "video")

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names of an action's numbers; "" where the data set does not tell."""
        feature = self.info["features"]["action"]
        names = feature.get("names")
        if isinstance(names, Mapping):
            names = next(iter(names.values()), None)
        return tuple(names) if names else ("",) * int(np.prod(feature["shape"]))

    @cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """All episodes, in order."""
        files = sorted((self.folder / _EPISODES).rglob("*.parquet"))
        if not files:
            raise DataSetError(f"{self.folder / _EPISODES} holds no parquet file")
        wanted = ["episode_index", "tasks", "dataset_from_index", "dataset_to_index"]
        return tuple(
            self._episode(row)
            for file in files
            for row in _rows(file, [*wanted, "data/", f"videos/{self.camera}/"])
        )

    def _episode(self, row: Mapping[str, Any]) -> Episode:
        video = f"videos/{self.camera}/"
        return Episode(
            index=row["episode_index"],
            first=row["dataset_from_index"],
            last=row["dataset_to_index"],
            instruction="; ".join(row["tasks"]),
            data_file=self._path("data_path", row, "data/"),
            video_file=self._path("video_path", row, video) if self.stores_video else None,
            video_start_s=row[f"{video}from_timestamp"] if self.stores_video else 0.0,
        )

    def _path(self, pattern: str, row: Mapping[str, Any], prefix: str) -> Path:
        name: str = self.info[pattern]
        chunk, file = row[f"{prefix}chunk_index"], row[f"{prefix}file_index"]
        return self.folder / name.format(video_key=self.camera, chunk_index=chunk, file_index=file)

    def actions(self, episode: Episode) -> npt.NDArray[np.float64]:
        """(frames, n): the action of every frame."""
        return np.stack(self._column(episode, "action").to_pylist()).astype(np.float64)

    def pictures(self, episode: Episode) -> Iterator[Pixels]:
        """The RGB picture of every frame."""
        if episode.video_file is not None:
            yield from _video_frames(episode.video_file, episode, self.fps)
            return
        for picture in self._column(episode, self.camera).to_pylist():
            yield _decoded(picture["bytes"], f"{episode.data_file}, episode {episode.index}")

    def _column(self, episode: Episode, name: str) -> pa.ChunkedArray:
        of_episode = pc.field("episode_index") == episode.index
        chosen = _table(episode.data_file, [name, "episode_index"], of_episode)
        expected = episode.last - episode.first
        if chosen.num_rows != expected:
            raise DataSetError(
                f"{episode.data_file} has {chosen.num_rows} frames of episode {episode.index}, "
                f"the data set says {expected}"
            )
        return chosen[name]


def import_episode(
    data: LeRobotDataSet, episode: Episode, settings: ImportSettings
) -> Iterator[Sample]:
    """The samples of one episode. Raises DataSetError."""
    space = settings.action_space
    actions = actions_in_space(data, episode, space)
    apart = max(1, round(settings.history_period_s * data.fps))
    seen: deque[Frame] = deque(maxlen=apart * settings.history_frames + 1)
    for index, pixels in enumerate(data.pictures(episode)):
        seen.append(Frame(pixels, round(index / data.fps * NS_PER_S), data.camera))
        if index % settings.stride:
            continue
        history = tuple(seen)[(len(seen) - 1) % apart : -1 : apart]
        yield Sample(
            key=f"episode{episode.index:06d}_{index:06d}",
            observation=Observation(image=seen[-1], history=history),
            tasks=(act_task(episode.instruction, _chunk(actions, index, space.chunk), space),),
            meta={"data_set": data.folder.name, "robot": str(data.info.get("robot_type") or "")},
        )


def actions_in_space(
    data: LeRobotDataSet, episode: Episode, space: ActionSpace
) -> npt.NDArray[np.float64]:
    """(frames, n) actions in SI units. DataSetError where they are not those of the space."""
    names = data.action_names
    if len(names) != len(space.dimensions):
        raise DataSetError(
            f"actions of {data.folder} have {len(names)} numbers ({', '.join(names)}), the action "
            f"space {space.name!r} has {len(space.dimensions)} ({', '.join(space.dimension_names)})"
        )
    if space.rate_hz is not None and not np.isclose(space.rate_hz, data.fps):
        raise DataSetError(
            f"{data.folder} has {data.fps:g} actions a second, the action space {space.name!r} "
            f"says {space.rate_hz:g}; declare a space with the rate of the recording"
        )
    actions = data.actions(episode) * [SI_FACTORS[one.unit] for one in space.dimensions]
    expect_in_range(actions, space, f"episode {episode.index}")
    return actions


def _chunk(actions: npt.NDArray[np.float64], first: int, steps: int) -> npt.NDArray[np.float64]:
    """(steps, n) actions from one on; past the end the last one is held."""
    return actions[np.minimum(np.arange(first, first + steps), len(actions) - 1)]


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataSetError(
            f"{path} does not exist: {path.parents[1]} is no LeRobot data set"
        ) from (None)
    except ValueError as problem:
        raise DataSetError(f"{path} is not valid JSON: {problem}") from problem
    version = str(info.get("codebase_version"))
    if not version.startswith(VERSION):
        raise DataSetError(
            f"{path}: version {version}, expected {VERSION}; convert the data set with lerobot's "
            "own convert_dataset_v21_to_v30"
        )
    for key in ("features", "fps", "data_path"):
        if key not in info:
            raise DataSetError(f"{path} lacks {key!r}")
    if "action" not in info["features"]:
        raise DataSetError(f"{path}: the data set has no feature 'action'")
    return dict(info)


def _choose_camera(features: Mapping[str, Any], wanted: str, folder: Path) -> str:
    there = [name for name, what in features.items() if what["dtype"] in ("video", "image")]
    chosen = [name for name in there if wanted in ("", name, name.removeprefix(_PICTURES))]
    if len(chosen) != 1:
        asked = f"no camera {wanted!r}" if wanted else f"{len(there)} cameras"
        raise DataSetError(f"{folder} has {asked}; name one of: {', '.join(there) or 'none'}")
    return chosen[0]


def _table(path: Path, columns: Sequence[str], rows: pc.Expression | None = None) -> pa.Table:
    """Some columns, and of them the rows that an expression holds for; others are not kept."""
    try:
        return pq.read_table(path, columns=list(columns), filters=rows)
    except (OSError, pa.ArrowException) as problem:
        raise DataSetError(f"{path} cannot be read: {problem}") from problem


def _rows(path: Path, prefixes: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table, with the columns whose names begin with one of some prefixes."""
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as problem:
        raise DataSetError(f"{path} cannot be read: {problem}") from problem
    rows: list[dict[str, Any]] = _table(
        path, [name for name in names if name.startswith(tuple(prefixes))]
    ).to_pylist()
    return rows


def _video_frames(path: Path, episode: Episode, fps: float) -> Iterator[Pixels]:
    """The frames of an episode: those from its start on, one per row."""
    expected = episode.last - episode.first
    found = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            start_s = episode.video_start_s
            container.seek(round(start_s / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if found == expected:
                    return
                if frame.time >= start_s - 0.5 / fps:
                    found += 1
                    yield frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, IndexError) as problem:
        raise DataSetError(f"the video {path} cannot be read: {problem}") from problem
    if found < expected:
        raise DataSetError(
            f"the video {path} ends after {found} of the {expected} frames of episode "
            f"{episode.index}"
        )


def _decoded(data: bytes | None, where: str) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if pixels is None:
        raise DataSetError(f"{where}: a picture cannot be decoded")
    return np.ascontiguousarray(pixels[..., ::-1], np.uint8)


@dataclass(frozen=True)
class LeRobotShards:
    """Shards of so many episodes each, out of a data set in a folder."""

    folder: Path
    settings: ImportSettings
    episodes: int

    def samples(self, shard: int) -> Iterator[Sample]:
        """The samples of the shard's episodes; none past the last."""
        data = LeRobotDataSet(self.folder, self.settings.camera)
        for episode in data.episodes[shard * self.episodes : (shard + 1) * self.episodes]:
            yield from import_episode(data, episode, self.settings)
