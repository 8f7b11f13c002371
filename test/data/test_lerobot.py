"""LeRobot data sets; those in `lerobot/` were written by lerobot 0.4.4 itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uio2_ros.data.import_settings import ImportSettings
from uio2_ros.data.lerobot import import_episode
from uio2_ros.data.lerobot_files import LeRobotDataSet
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSetError
from uio2_ros.robot.action_space import ActionSpace, Dimension, DimensionKind, SpaceKind

DATA = Path(__file__).parent / "lerobot"
KINDS = ("video", "image")
RED, GREEN = (220, 40, 40), (40, 200, 60)


def space(
    *,
    high: float = 2.0,
    dimensions: int = 3,
    unit: str = "rad",
    rate_hz: float = 10,
) -> ActionSpace:
    names = ("shoulder", "elbow", "gripper", "wrist")[:dimensions]
    made = tuple(Dimension(name, DimensionKind.JOINT, unit, -2.0, high) for name in names)
    return ActionSpace(
        "testarm", SpaceKind.CONTINUOUS, "joints", "base_link", made, rate_hz=rate_hz, chunk=3
    )


def samples(folder: Path, episode: int, **settings: object):
    data = LeRobotDataSet(folder)
    chosen = ImportSettings(**{"action_space": space(), **settings})
    return list(import_episode(data, data.episodes[episode], chosen))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / "video", tmp_path / "copy"))


def edit_info(folder: Path, **changes: object) -> None:
    path = folder / "meta" / "info.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("kind", KINDS)
def test_every_episode_has_its_instruction_and_its_frames(kind: str) -> None:
    data = LeRobotDataSet(DATA / kind)
    assert [episode.instruction for episode in data.episodes] == [
        "push the red block right",
        "push the green block right",
    ]
    lengths = [episode.last - episode.first for episode in data.episodes]
    assert lengths == ([8, 9] if kind == "video" else [4, 5])
    assert data.action_names == ("shoulder", "elbow", "gripper")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("episode", "colour"), [(0, RED), (1, GREEN)])
def test_the_picture_is_that_of_the_frame(
    kind: str, episode: int, colour: tuple[int, int, int]
) -> None:
    for index, sample in enumerate(samples(DATA / kind, episode)):
        pixels = sample.observation.image.pixels
        assert pixels.shape == (48, 64, 3)
        block = pixels[20:28, 6 + 5 * index : 10 + 5 * index].reshape(-1, 3).mean(axis=0)
        assert np.abs(block - colour).max() < 40  # video loses some colour


@pytest.mark.parametrize("kind", KINDS)
def test_the_actions_that_follow_a_frame_are_its_chunk(kind: str) -> None:
    third = samples(DATA / kind, 0)[2]
    assert third.tasks[0].instruction.task == "act"
    plan = third.tasks[0].answer.plan
    assert [step.time_from_start_s for step in plan.steps] == pytest.approx([0.1, 0.2, 0.3])
    expected = [0.1 * frame + 0.05 for frame in (2, 3, min(4, 7 if kind == "video" else 3))]
    assert [step.values[0] for step in plan.steps] == pytest.approx(expected, abs=1e-6)


def test_at_the_end_the_last_action_is_held() -> None:
    last = samples(DATA / "video", 0)[-1].tasks[0].answer.plan
    assert len({step.values for step in last.steps}) == 1


def test_the_history_is_older_pictures_a_period_apart() -> None:
    sample = samples(DATA / "video", 0, history_frames=2, history_period_s=0.3)[7]
    stamps_s = [frame.stamp_ns / 1e9 for frame in sample.observation.history]
    assert stamps_s == pytest.approx([0.1, 0.4])
    assert sample.observation.image.stamp_ns == 700_000_000


def test_a_stride_takes_fewer_frames() -> None:
    assert len(samples(DATA / "video", 0, stride=3)) == 3


def test_values_are_taken_in_the_units_of_the_space() -> None:
    plan = samples(DATA / "video", 0, action_space=space(unit="deg"))[0].tasks[0].answer.plan
    assert plan.steps[0].values[0] == pytest.approx(np.deg2rad(0.05), abs=1e-6)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (space(high=0.5), "'shoulder' in episode 0 go from"),
        (space(dimensions=2), "have 3 numbers"),
        (space(rate_hz=30), "10 actions a second"),
    ],
)
def test_a_space_that_does_not_fit_is_refused(chosen: ActionSpace, told: str) -> None:
    with pytest.raises(DataSetError, match=told):
        samples(DATA / "video", 0, action_space=chosen)


def test_a_camera_that_is_not_there_is_named() -> None:
    with pytest.raises(DataSetError, match=r"no camera 'wrist'.*observation.images.front"):
        LeRobotDataSet(DATA / "video", camera="wrist")


def test_the_camera_has_a_short_name() -> None:
    assert LeRobotDataSet(DATA / "video", camera="front").camera == "observation.images.front"


def test_another_version_is_told_how_to_convert(copy: Path) -> None:
    edit_info(copy, codebase_version="v1.6")
    with pytest.raises(DataSetError, match="convert"):
        LeRobotDataSet(copy)


def test_a_folder_without_a_data_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="no LeRobot data set"):
        LeRobotDataSet(tmp_path)


def test_a_cut_video_is_told(copy: Path) -> None:
    video = next(copy.rglob("*.mp4"))
    video.write_bytes(video.read_bytes()[:300])
    with pytest.raises(DataSetError, match="video"):
        samples(copy, 0)


def test_a_cut_table_is_told(copy: Path) -> None:
    table = next((copy / "data").rglob("*.parquet"))
    table.write_bytes(table.read_bytes()[:300])
    with pytest.raises(DataSetError, match="cannot be read"):
        samples(copy, 0)


TWO = ActionSpace(
    "two",
    SpaceKind.CONTINUOUS,
    "joints",
    "base",
    tuple(Dimension(name, DimensionKind.JOINT, "rad", -2.0, 2.0) for name in "ab"),
    rate_hz=10,
    chunk=2,
)
"""Of the cases: grey 10 + 5 frame, action 0.01 frame, counted over both episodes of 20 frames."""


def frames_shown(found: list[Sample]) -> list[float]:
    return [(float(one.observation.image.pixels.mean()) - 10) / 5 for one in found]


def frames_acted(found: list[Sample]) -> list[float]:
    return [one.tasks[0].answer.plan.steps[0].values[0] * 100 for one in found]


def change_table(file: Path, column: str, values: list[object]) -> None:
    rows = pq.read_table(file)
    changed = pa.array(values, rows.schema.field(column).type)
    pq.write_table(rows.set_column(rows.schema.get_field_index(column), column, changed), file)


def test_a_missing_picture_is_an_error_and_shifts_no_other() -> None:
    told = r"episode 0: the film .* has no picture of frame 5: none within 0\.0001 s of 0\.5000 s"
    with pytest.raises(DataSetError, match=told):
        samples(DATA / "one_frame_missing", 0, action_space=TWO)
    found = samples(DATA / "one_frame_missing", 1, action_space=TWO)
    assert frames_shown(found) == pytest.approx(frames_acted(found), abs=0.3)


def test_an_episode_does_not_end_on_the_pictures_of_the_next() -> None:
    with pytest.raises(DataSetError, match=r"episode 1 begins at 1\.900 s already: the film lacks"):
        samples(DATA / "film_packed", 0, action_space=TWO)


def test_a_wider_tolerance_takes_pictures_of_about_that_time() -> None:
    found = samples(DATA / "one_frame_missing", 0, action_space=TWO, tolerance_s=0.11)
    assert len(found) == 20
    assert frames_shown(found)[:5] == pytest.approx(range(5), abs=0.3)


def test_an_action_may_be_a_row_of_a_matrix() -> None:
    found = samples(DATA / "action_2d", 1, action_space=TWO)
    assert frames_acted(found) == pytest.approx(range(20, 40))
    assert frames_shown(found) == pytest.approx(range(20, 40), abs=0.3)


def test_an_episode_without_a_task_needs_an_instruction() -> None:
    with pytest.raises(DataSetError, match=r"episode 0 of .* does not say what was to be done"):
        samples(DATA / "task_null", 0, action_space=TWO)
    first = samples(DATA / "task_null", 0, action_space=TWO, instruction="stack")[0]
    assert first.tasks[0].instruction.instruction == "stack"
    second = samples(DATA / "task_null", 1, action_space=TWO, instruction="stack")[0]
    assert second.tasks[0].instruction.instruction == "pull"


@pytest.mark.parametrize(
    ("names", "read"),
    [
        ({"b": 1, "a": 0}, ("a", "b")),
        ({"a": 1, "b": 2}, ("a", "b")),
        ({"left": ["a"], "right": ["b"]}, ("a", "b")),
        (None, ("", "")),
    ],
)
def test_names_are_lists_groups_or_places(tmp_path: Path, names: object, read: object) -> None:
    folder = Path(shutil.copytree(DATA / "action_2d", tmp_path / "copy"))
    features = json.loads((folder / "meta" / "info.json").read_text())["features"]
    features["action"]["names"] = names
    edit_info(folder, features=features)
    assert LeRobotDataSet(folder).action_names == read


def test_rows_are_taken_in_the_order_of_their_frames(copy: Path) -> None:
    expected = samples(copy, 0)
    table = next((copy / "data").rglob("*.parquet"))
    rows = pq.read_table(table)
    pq.write_table(rows.take([*range(7, -1, -1), *range(8, rows.num_rows)]), table)
    for one, other in zip(samples(copy, 0), expected, strict=True):
        np.testing.assert_array_equal(one.observation.image.pixels, other.observation.image.pixels)
        assert one.tasks == other.tasks


def test_a_missing_row_is_named(copy: Path) -> None:
    table = next((copy / "data").rglob("*.parquet"))
    rows = pq.read_table(table)
    pq.write_table(rows.take([row for row in range(rows.num_rows) if row != 3]), table)
    with pytest.raises(DataSetError, match=r"has no frame 3 of episode 0 \(0\.300 s\)"):
        samples(copy, 0)


def test_rows_that_are_at_another_rate_are_named(copy: Path) -> None:
    table = next((copy / "data").rglob("*.parquet"))
    times = [1.1 * time_s for time_s in pq.read_table(table)["timestamp"].to_pylist()]
    change_table(table, "timestamp", times)
    with pytest.raises(DataSetError, match=r"frames 0 and 1 of episode 0 are 0\.1100 s apart"):
        samples(copy, 0)


def test_a_damaged_picture_is_named_with_its_frame(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(DATA / "image", tmp_path / "copy"))
    table = next((folder / "data").rglob("*.parquet"))
    column = "observation.images.front"
    cells = pq.read_table(table)[column].to_pylist()
    cells[2] = {**cells[2], "bytes": cells[2]["bytes"][:60]}
    change_table(table, column, cells)
    with pytest.raises(DataSetError, match=r"frame 2 of episode 0 .*truncated"):
        samples(folder, 0)


def test_a_pointer_of_git_lfs_is_called_one(copy: Path) -> None:
    next(copy.rglob("*.mp4")).write_text("version https://git-lfs.github.com/spec/v1\noid 0\n")
    with pytest.raises(DataSetError, match="git lfs pull"):
        samples(copy, 0)


def as_version_2(folder: Path) -> None:
    """Files of its own for each episode, as lerobot wrote them until 2025."""
    data = LeRobotDataSet(folder)
    lines = []
    for episode in data.episodes:
        name = f"episode_{episode.index:06d}"
        rows = pq.read_table(episode.data_file, filters=[("episode_index", "=", episode.index)])
        pq.write_table(rows, folder / f"{name}.parquet")
        write_film(folder / f"{name}.mp4", list(data.pictures(episode)), data.fps)
        told = {"episode_index": episode.index, "length": episode.frames}
        lines.append(json.dumps({**told, "tasks": [episode.instruction]}))
    (folder / "meta" / "episodes.jsonl").write_text("\n".join(lines))
    patterns = (f"episode_{{episode_index:06d}}.{suffix}" for suffix in ("parquet", "mp4"))
    edit_info(
        folder,
        codebase_version="v2.1",
        **dict(zip(("data_path", "video_path"), patterns, strict=True)),
    )


def write_film(path: Path, pictures: list[np.ndarray], fps: float) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=round(fps), options={"crf": "5"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def test_version_2_has_files_per_episode(copy: Path) -> None:
    expected = [samples(copy, number) for number in range(2)]
    as_version_2(copy)
    for number in range(2):
        found = samples(copy, number)
        assert [one.tasks for one in found] == [one.tasks for one in expected[number]]
        for one, other in zip(found, expected[number], strict=True):
            ours, theirs = one.observation.image.pixels, other.observation.image.pixels
            assert np.abs(ours.astype(int) - theirs).mean() < 4
