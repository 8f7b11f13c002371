"""LeRobot data sets; those in `lerobot/` were written by lerobot 0.4.4 itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.data.lerobot import ImportSettings, LeRobotDataSet, import_episode
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
    edit_info(copy, codebase_version="v2.1")
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
