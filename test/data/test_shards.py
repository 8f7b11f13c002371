"""Samples as files, and files as data sets."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.data.sample_files import SampleError, Storage, sample_files, sample_of
from uio2_ros.data.shards import DataSet, DataSetError, read_shard, write_shard
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

EXACT = Storage(jpeg_quality=0)


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def sample(key: str = "kitchen_1", **answer: object) -> Sample:
    sound = (np.arange(-800, 800) / 1000).astype(np.float32)
    seen = Observation(
        image=Frame(picture(1), 2_000, "camera"),
        history=(Frame(picture(2), 1_000, "camera"),),
        audio=sound,
        audio_rate=8000,
        camera=CameraModel(32, 24, 30.0, 30.0, 16.0, 12.0),
        robot_history=("0.0 1.0 2.0 forward",),
    )
    asked = Instruction("the cup", "localize", ("a", "b"), Box(1, 2, 3, 4), seed=5)
    return Sample(
        key, seen, (LabelledTask(asked, Answer(task="localize", **answer)),), {"seed": "7"}
    )


def everything() -> dict[str, object]:
    return {
        "text": "a cup",
        "detections": (Detection(Box(1.5, 2, 3, 4), "cup", 0.5),),
        "cuboids": (Cuboid("cup", (0.1, 0.2, 1.0), (0.1, 0.1, 0.2), (1.0, 0.0, 0.0, 0.0)),),
        "keypoints": (PointSet("person", None, (Point("nose", 3.0, 4.0, visible=False),)),),
        "plan": TaskPlan(
            "vima",
            (Step(ActionKind.PICK_PLACE, "pick", Pose2D(0.3, 0.1, 0.0), Pose2D(0.5, 0.2, 1.0)),),
            "base_link",
        ),
        "options": ("yes", "no"),
        "scores": (-0.5, -1.5),
    }


def test_a_sample_comes_back_as_it_was() -> None:
    given_sample = sample(**everything())
    found = sample_of(given_sample.key, sample_files(given_sample, EXACT))
    assert found.tasks == given_sample.tasks
    assert found.meta == given_sample.meta
    assert found.observation.camera == given_sample.observation.camera
    assert found.observation.robot_history == given_sample.observation.robot_history
    np.testing.assert_array_equal(found.observation.image.pixels, picture(1))
    np.testing.assert_array_equal(found.observation.history[0].pixels, picture(2))
    np.testing.assert_allclose(found.observation.audio, given_sample.observation.audio, atol=2**-15)
    assert found.observation.audio_rate == 8000


def test_pictures_and_sounds_of_answers_come_back() -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[3:9] = 255
    depth = np.linspace(0, 9, 24 * 32, dtype=np.float32).reshape(24, 32)
    normals = np.full((24, 32, 3), np.nan, np.float32)
    normals[1:] = (0.6, 0.0, -0.8)
    drawn = (
        Picture("mask", mask, "cup", 0.75),
        Picture("depth", depth),
        Picture("normals", normals),
        Picture("generated", picture(4)),
    )
    tone = np.sin(np.arange(1600) / 7).astype(np.float32)
    found = sample_of("a", sample_files(sample("a", pictures=drawn, audio=(tone,)), EXACT))
    answer = found.tasks[0].answer
    assert (answer.pictures[0].label, answer.pictures[0].score) == ("cup", 0.75)
    np.testing.assert_array_equal(answer.pictures[0].pixels, mask)
    np.testing.assert_allclose(answer.pictures[1].pixels, depth, atol=0.00051)
    np.testing.assert_allclose(answer.pictures[2].pixels, normals, atol=1 / 100)
    np.testing.assert_array_equal(answer.pictures[3].pixels, picture(4))
    np.testing.assert_allclose(answer.audio[0], tone, atol=2**-14)


def test_a_camera_picture_is_kept_as_jpeg_unless_told_otherwise() -> None:
    lossy, exact = sample_files(sample()), sample_files(sample(), EXACT)
    assert {"image0.jpg", "history0.jpg"} <= lossy.keys()
    assert {"image0.png", "history0.png"} <= exact.keys()


def test_one_picture_of_several_answers_is_stored_once() -> None:
    mask = np.full((24, 32), 255, np.uint8)
    one = sample(pictures=(Picture("mask", mask, "a"), Picture("mask", mask, "b")))
    assert sum(name.startswith("mask") for name in sample_files(one)) == 1


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 65, width=32), st.floats(0, 65, width=32))
def test_depth_is_exact_to_half_a_millimetre(near: float, far: float) -> None:
    depth = np.array([[near, far]], np.float32)
    files = sample_files(sample(pictures=(Picture("depth", depth),)), EXACT)
    found = sample_of("kitchen_1", files).tasks[0].answer.pictures[0].pixels
    np.testing.assert_allclose(found, depth, atol=0.00051)


def test_depth_beyond_sixteen_bits_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="70"):
        sample_files(sample(pictures=(Picture("depth", np.full((2, 2), 70, np.float32)),)))


def test_a_role_nobody_knows_is_refused() -> None:
    with pytest.raises(SampleError, match="mask, depth, normals, generated"):
        sample_files(sample(pictures=(Picture("heat", picture()),)))


def test_sound_that_is_not_finite_is_refused() -> None:
    one = sample()
    deaf = replace(one, observation=replace(one.observation, audio=np.full(9, np.nan, np.float32)))
    with pytest.raises(InvalidInputError, match="finite"):
        sample_files(deaf)


@pytest.mark.parametrize("key", ["", "a.b", "a/b", "a b"])
def test_a_key_that_no_archive_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        sample(key)


def test_a_wrong_record_names_the_field() -> None:
    files = sample_files(sample(**everything()))
    broken = files["json"].replace(b'"x1":1.5', b'"x9":1.5')
    with pytest.raises(SampleError, match=r"detections\[0\]\.box"):
        sample_of("a", {**files, "json": broken})


@pytest.mark.parametrize("lost", ["json", "image0.jpg", "audio0.flac"])
def test_a_lost_file_is_named(lost: str) -> None:
    files = sample_files(sample())
    del files[lost]
    with pytest.raises(SampleError, match=lost):
        sample_of("a", files)


def test_a_broken_picture_is_told() -> None:
    files = {**sample_files(sample()), "image0.jpg": b"no picture"}
    with pytest.raises(SampleError, match="picture"):
        sample_of("a", files)


def test_another_format_is_told() -> None:
    record = json.loads(sample_files(sample())["json"])
    with pytest.raises(SampleError, match="format 99"):
        sample_of("a", {"json": json.dumps({**record, "format": 99}).encode()})


def test_a_shard_gives_back_its_samples_in_order(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    assert write_shard(path, (sample(f"s{n}") for n in range(3)), EXACT) == 3
    assert [one.key for one in read_shard(path)] == ["s0", "s1", "s2"]


def test_equal_samples_make_equal_shards(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        write_shard(tmp_path / name, [sample(**everything())])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_webdataset_reads_a_shard(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    path = tmp_path / "shard.tar"
    write_shard(path, [sample("s0"), sample("s1")], EXACT)
    found = list(webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False))
    assert [one["__key__"] for one in found] == ["s0", "s1"]
    assert json.loads(found[0]["json"])["meta"] == {"seed": "7"}


def test_a_key_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="'s'"):
        write_shard(tmp_path / "shard.tar", [sample("s"), sample("s")])


def test_an_interrupted_shard_does_not_appear(tmp_path: Path) -> None:
    def interrupted():
        yield sample("s0")
        raise KeyboardInterrupt

    data = DataSet.create(tmp_path / "set", {"seed": 1})
    with pytest.raises(KeyboardInterrupt):
        write_shard(data.shard(0), interrupted())
    assert data.shards == ()
    write_shard(data.shard(0), [sample("s0")])
    assert [one.key for one in data.samples()] == ["s0"]


def test_a_cut_shard_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    write_shard(path, [sample("s0")])
    path.write_bytes(path.read_bytes()[:-12_000])
    with pytest.raises((DataSetError, SampleError), match=r"shard\.tar"):
        list(read_shard(path))


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    path.write_text("no archive")
    with pytest.raises(DataSetError, match="cannot be read"):
        list(read_shard(path))


def test_a_foreign_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shard.tar"
    (tmp_path / "note.txt").write_text("hello")
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "note.txt", "note.txt")
    with pytest.raises(SampleError, match="json"):
        list(read_shard(path))


def test_a_data_set_goes_on_only_with_its_settings(tmp_path: Path) -> None:
    DataSet.create(tmp_path / "set", {"seed": 1, "split": "train"})
    DataSet.create(tmp_path / "set", {"seed": 1, "split": "train"})
    with pytest.raises(DataSetError, match="seed 1 and not 2"):
        DataSet.create(tmp_path / "set", {"seed": 2, "split": "train"})


def test_a_data_set_does_not_spread_into_other_peoples_folders(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataSetError, match="not empty"):
        DataSet.create(tmp_path, {})


def test_a_folder_without_a_data_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"no dataset\.json"):
        DataSet.open(tmp_path)


def test_a_broken_description_is_told(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DataSetError, match="JSON"):
        DataSet.open(tmp_path)
