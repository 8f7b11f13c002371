"""LeRobot data sets on disk, versions 2 and 3: parquet tables, pictures in films or in the tables.

`meta/info.json` names the features and the path patterns. In version 3 `meta/episodes/*.parquet`
says per episode which rows and which seconds of which film are its own; in version 2 an episode has
files of its own and `meta/episodes.jsonl` has its length and tasks.

Which picture is of which row is decided by `frame_index` and `timestamp`, as in lerobot itself: a
film's picture must be within a tolerance of the row's time. What is missing is a DataSetError.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from uio2_ros.data.import_settings import TOLERANCE_S
from uio2_ros.data.shards import DataSetError
from uio2_ros.media.films import Film, Shown, open_film
from uio2_ros.media.pictures import decode_rgb
from uio2_ros.robot.errors import InvalidInputError

INFO = Path("meta") / "info.json"
_EPISODES_V2 = Path("meta") / "episodes.jsonl"
_EPISODES_V3 = Path("meta") / "episodes"
_CHUNK_OF_V2 = 1000  # episodes in a folder, where it is not told
_PICTURES = "observation.images."
_LFS_POINTER = b"version https://git-lfs"
_UNREADABLE = (OSError, pa.ArrowException, KeyError, TypeError, ValueError, IndexError)

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LeRobotEpisode:
    """Rows [first, last) of the data, what was to be done, and where its film is.

    `instruction` is "" where the data set does not tell it.
    """

    index: int
    first: int
    last: int
    instruction: str
    data_file: Path
    video_file: Path | None
    video_start_s: float

    @property
    def frames(self) -> int:
        """How many rows and pictures it has."""
        return self.last - self.first


class LeRobotDataSet:
    """A LeRobot data set in a folder. Everything raises DataSetError for what is not one."""

    def __init__(self, folder: Path, camera: str = "") -> None:
        """camera: the name of a picture feature; "" is the only one."""
        self.folder = folder
        self._newest: tuple[Path, pa.Table] | None = None
        self.info = _read_info(folder / INFO)
        with _understood(folder / INFO):
            self.camera = _choose_camera(self.info["features"], camera, folder)
            self.fps = float(self.info["fps"])
            self._is_v3 = str(self.info["codebase_version"]).startswith("v3")
            self.stores_video = self.info["features"][self.camera]["dtype"] == "video"
            """Whether pictures are frames of films, not files in the tables."""
            self.action_names = _names(self.info["features"]["action"])
            """The names of an action's numbers; "" where the data set does not tell."""
        if not 0 < self.fps < float("inf"):
            raise DataSetError(f"{folder / INFO}: fps is {self.fps}")

    @cached_property
    def episodes(self) -> tuple[LeRobotEpisode, ...]:
        """All episodes, in order."""
        return tuple(self._episodes_v3() if self._is_v3 else self._episodes_v2())

    def _episodes_v3(self) -> Iterator[LeRobotEpisode]:
        folder = self.folder / _EPISODES_V3
        files = sorted(folder.rglob("*.parquet"))
        if not files:
            raise DataSetError(f"{folder} holds no parquet file")
        video = f"videos/{self.camera}/"
        wanted = [
            "episode_index",
            "tasks",
            "dataset_from_index",
            "dataset_to_index",
            "data/",
            video,
        ]
        for file in files:
            for row in _rows(file, wanted):
                with _understood(file):
                    yield LeRobotEpisode(
                        int(row["episode_index"]),
                        int(row["dataset_from_index"]),
                        int(row["dataset_to_index"]),
                        _instruction(row.get("tasks")),
                        self._path_v3("data_path", row, "data/"),
                        self._path_v3("video_path", row, video) if self.stores_video else None,
                        float(row[f"{video}from_timestamp"]) if self.stores_video else 0.0,
                    )

    def _path_v3(self, pattern: str, row: Mapping[str, Any], prefix: str) -> Path:
        chunk, file = row[f"{prefix}chunk_index"], row[f"{prefix}file_index"]
        return self._path(pattern, chunk_index=chunk, file_index=file)

    def _episodes_v2(self) -> Iterator[LeRobotEpisode]:
        file = self.folder / _EPISODES_V2
        with _understood(file):
            lines = file.read_text(encoding="utf-8").splitlines()
            first = 0
            for row in (json.loads(line) for line in lines if line.strip()):
                index, last = int(row["episode_index"]), first + int(row["length"])
                chunk = index // int(self.info.get("chunks_size", _CHUNK_OF_V2))
                place = {"episode_chunk": chunk, "episode_index": index}
                yield LeRobotEpisode(
                    index,
                    first,
                    last,
                    _instruction(row.get("tasks")),
                    self._path("data_path", **place),
                    self._path("video_path", **place) if self.stores_video else None,
                    0.0,
                )
                first = last

    def _path(self, pattern: str, **place: int) -> Path:
        return self.folder / str(self.info[pattern]).format(video_key=self.camera, **place)

    def actions(self, episode: LeRobotEpisode) -> Floats:
        """(frames, n): the action of every frame."""
        with _understood(episode.data_file):
            cells = self._table(episode)["action"].to_pylist()
            return np.array(cells, np.float64).reshape(episode.frames, len(self.action_names))

    def pictures(
        self, episode: LeRobotEpisode, tolerance_s: float = TOLERANCE_S
    ) -> Iterator[Pixels]:
        """The RGB picture of every frame."""
        if episode.video_file is None:
            cells = self._table(episode)[self.camera].to_pylist()
            yield from (self._picture(episode, *numbered) for numbered in enumerate(cells))
            return
        times_s = self._times_s(episode, tolerance_s)
        self._expect_apart(episode, float(times_s[-1]))
        try:
            with open_film(episode.video_file) as film:
                yield from _matching(film, times_s, tolerance_s)
        except InvalidInputError as problem:
            raise DataSetError(
                f"episode {episode.index}: {problem}{_lfs(episode.video_file)}"
            ) from problem

    def _expect_apart(self, episode: LeRobotEpisode, last_s: float) -> None:
        """DataSetError if an episode reaches into the next one of its film, as it does where
        pictures were lost when the film was made: then it would end with those of the next."""
        end_s = last_s + 0.5 / self.fps
        for other in self.episodes:
            is_later = episode.video_start_s <= other.video_start_s and other != episode
            if is_later and other.video_file == episode.video_file and other.video_start_s <= end_s:
                raise DataSetError(
                    f"episode {episode.index} of {self.folder} has {episode.frames} frames, up to "
                    f"{last_s:.3f} s of {episode.video_file}, where episode {other.index} begins "
                    f"at {other.video_start_s:.3f} s already: the film lacks pictures"
                )

    def _picture(self, episode: LeRobotEpisode, frame: int, cell: Any) -> Pixels:
        where = f"{episode.data_file}, frame {frame} of episode {episode.index}"
        with _understood(Path(where)):
            data = cell["bytes"] or (self.folder / cell["path"]).read_bytes()
            return decode_rgb(data)

    def _times_s(self, episode: LeRobotEpisode, tolerance_s: float) -> Floats:
        """(frames,) when the film shows what each row is about."""
        with _understood(episode.data_file):
            told = self._table(episode)["timestamp"].to_numpy().astype(np.float32)
        apart = np.diff(told.astype(np.float64))
        rounding = np.spacing(np.abs(told).max(initial=1.0))
        wrong = np.flatnonzero(~(np.abs(apart - 1 / self.fps) <= tolerance_s + 2 * rounding))
        if wrong.size:
            frame = int(wrong[0])
            raise DataSetError(
                f"{episode.data_file}: frames {frame} and {frame + 1} of episode {episode.index} "
                f"are {apart[frame]:.4f} s apart, at {told[frame]:.4f} s; the data set says "
                f"{self.fps:g} a second"
            )
        times_s: Floats = episode.video_start_s + told.astype(np.float64)
        return times_s

    def _file(self, path: Path) -> pa.Table:
        """The rows of a file, of which the newest is kept: its episodes are read one by one.

        Read whole, since pyarrow waits for ever where it is to pick the rows of a damaged file.
        """
        if self._newest is None or self._newest[0] != path:
            wanted = ["action", "timestamp", "frame_index", "episode_index"]
            names = wanted if self.stores_video else [*wanted, self.camera]
            self._newest = path, pq.read_table(path, columns=names)
        return self._newest[1]

    def _table(self, episode: LeRobotEpisode) -> pa.Table:
        """The rows of an episode, in the order of their frames; all of them are there."""
        with _understood(episode.data_file):
            table = self._file(episode.data_file)
            table = table.filter(pc.field("episode_index") == episode.index).sort_by("frame_index")
            frames = table["frame_index"].to_pylist()
        there = set(frames).intersection(range(episode.frames))
        if len(there) < episode.frames:
            missing = next(frame for frame in itertools.count() if frame not in there)
            raise DataSetError(
                f"{episode.data_file} has no frame {missing} of episode {episode.index} "
                f"({missing / self.fps:.3f} s); {episode.frames - len(there)} of {episode.frames} "
                "are missing"
            )
        if len(frames) != episode.frames:
            raise DataSetError(
                f"{episode.data_file} has {len(frames)} frames of episode {episode.index}, the "
                f"data set says {episode.frames}"
            )
        return table


def _matching(film: Film, times_s: Floats, tolerance_s: float) -> Iterator[Pixels]:
    """The picture nearest to each time of the file's clock, which its pictures may begin after."""
    shown = film.from_(max(0.0, float(times_s[0]) - tolerance_s - film.starts_s))
    nearest, following = next(shown, None), next(shown, None)
    for frame, wanted_s in enumerate(times_s - film.starts_s):
        while nearest and following and _off(following, wanted_s) <= _off(nearest, wanted_s):
            nearest, following = following, next(shown, None)
        if nearest is None or _off(nearest, wanted_s) > tolerance_s:
            there = "" if nearest is None else f", the nearest is one at {nearest.time_s:.4f} s"
            raise InvalidInputError(
                f"the film {film.path} has no picture of frame {frame}: none within "
                f"{tolerance_s:g} s of {wanted_s:.4f} s after its first{there}"
            )
        yield nearest.pixels()


def _off(shown: Shown, wanted_s: float) -> float:
    return abs(shown.time_s - wanted_s)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Turns what a broken file makes of its reader into a DataSetError that names the file."""
    try:
        yield
    except DataSetError:
        raise
    except _UNREADABLE as problem:
        reason = f"cannot be read: {problem}"
        if isinstance(problem, KeyError):
            reason = f"lacks {problem}"
        elif isinstance(problem, FileNotFoundError):
            reason = f"cannot be read, there is no {problem.filename or path}"
        raise DataSetError(f"{path} {reason}{_lfs(path)}") from problem


def _lfs(path: Path) -> str:
    """What to do about a file of which only Git LFS's pointer was fetched."""
    try:
        with path.open("rb") as file:
            is_pointer = file.read(len(_LFS_POINTER)) == _LFS_POINTER
    except OSError:
        return ""
    return "; it is a pointer of Git LFS: `git lfs pull` brings the file" if is_pointer else ""


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataSetError(
            f"{path} does not exist: {path.parents[1]} is no LeRobot data set"
        ) from None
    except (OSError, ValueError) as problem:
        raise DataSetError(f"{path} is not valid JSON: {problem}") from problem
    version = str(info.get("codebase_version")) if isinstance(info, dict) else "None"
    if not version.startswith(("v2.", "v3.")):
        raise DataSetError(
            f"{path}: version {version}, expected v2.x or v3.x; convert the data set with lerobot"
        )
    with _understood(path):
        for key in ("features", "fps", "data_path"):
            info[key]
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


def _names(feature: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the numbers of a feature: a list, lists by group, or names with their places."""
    count = int(np.prod([int(side) for side in feature["shape"]]))
    told = feature.get("names")
    if isinstance(told, Mapping):
        places = list(told.values())
        if all(isinstance(place, int) for place in places):
            told = sorted(told, key=told.__getitem__)
        else:
            told = list(chain.from_iterable(places))
    names = tuple(str(name) for name in ([told] if isinstance(told, str) else told or [""] * count))
    if len(names) != count:
        raise ValueError(f"a feature has {count} numbers and {len(names)} names ({names})")
    return names


def _instruction(tasks: Iterable[str | None] | None) -> str:
    return "; ".join(task for task in tasks or () if task)


def _rows(path: Path, prefixes: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table, with the columns whose names begin with one of some prefixes."""
    with _understood(path):
        names = [name for name in pq.read_schema(path).names if name.startswith(tuple(prefixes))]
        rows: list[dict[str, Any]] = pq.read_table(path, columns=names).to_pylist()
    return rows
