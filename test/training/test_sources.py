"""Where samples come from: WebDataset, COCO and texts as the samples of our tasks."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from uio2_ros.data.media_files import png_bytes
from uio2_ros.data.sample_files import sample_files, sample_of
from uio2_ros.data.shards import DataSetError
from uio2_ros.robot.box import Box
from uio2_ros.training.config import DataSettings, TrainingConfigError, read_training_config
from uio2_ros.training.sources import (
    AskedPictures,
    CaptionedPictures,
    CocoFolder,
    InstructionTexts,
)

PICTURE = png_bytes(np.full((30, 40, 3), 128, np.uint8))


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def test_pictures_of_a_web_dataset_are_captioned_by_the_text_beside_them(tmp_path: Path) -> None:
    record = json.dumps({"caption": " A Cup "}).encode()
    write_tar(
        tmp_path / "0.tar",
        {"a.png": PICTURE, "a.json": record, "b.json": record, "c.png": PICTURE, "c.json": record},
    )
    source = CaptionedPictures((tmp_path / "0.tar",), "json:caption")
    samples = list(source.samples(0))
    assert [sample.key for sample in samples] == ["0_a", "0_c"]
    assert samples[0].tasks[0].answer.text == "a cup"
    assert samples[0].observation.image is not None
    assert samples[0].observation.image.pixels.shape == (30, 40, 3)


def test_coco_annotations_become_classes_captions_and_expressions(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(PICTURE)
    annotations = [
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 10, 20]},
        {
            "image_id": 1,
            "category_id": 3,
            "bbox": [20, 2, 5, 5],
            "sentences": [{"raw": "Right one"}],
        },
        {"image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        {"image_id": 1, "caption": "Two cups."},
    ]
    record = {
        "images": [{"id": 1, "file_name": "1.png"}, {"id": 2, "file_name": "none.png"}],
        "categories": [{"id": 3, "name": "cup"}],
        "annotations": annotations,
    }
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(record))
    (sample,) = CocoFolder(tmp_path, path).samples(0)
    tasks = {task.instruction.task: task for task in sample.tasks}
    assert set(tasks) == {"refexp", "caption", "localize", "coco_detect"}
    assert tasks["refexp"].instruction.instruction == "right one"
    assert tasks["refexp"].answer.detections[0].box == Box(20, 2, 25, 7)
    assert [one.box for one in tasks["localize"].answer.detections] == [
        Box(1, 2, 11, 22),
        Box(20, 2, 25, 7),
    ]


def test_a_file_that_is_no_coco_is_told(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text("[]")
    with pytest.raises(DataSetError, match="is no COCO annotation file"):
        list(CocoFolder(tmp_path, tmp_path / "annotations.json").samples(0))


def test_texts_of_hugging_face_are_instructions_with_answers(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"instruction": ["Add", "Say"], "input": ["1 + 1", ""], "output": ["2", "hi"]}
    datasets.Dataset.from_dict(rows).save_to_disk(tmp_path / "set")
    source = InstructionTexts(str(tmp_path / "set"))
    (first, second) = source.samples(0)
    assert first.tasks[0].instruction.instruction == "Add\n1 + 1"
    assert second.tasks[0].answer.text == "hi"


def test_a_configuration_says_where_it_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("model: nano\noutput: out\ndata: [{kind: shards, path: a}]\nstep: 3\n")
    with pytest.raises(TrainingConfigError, match="step"):
        read_training_config(path)
    path.write_text("model: nano\noutput: out\ndata: [{kind: shards}]\n")
    with pytest.raises(TrainingConfigError, match="data of kind shards needs a path"):
        read_training_config(path)
    path.write_text("model: nano\noutput: out\ndata: [{kind: shards, path: a}]\n")
    config = read_training_config(path, {"steps": 7})
    assert (config.steps, config.data) == (7, (DataSettings("shards", "a"),))


@pytest.mark.parametrize("name", ["nano_vit", "nano", "nano_all_patches", "fine_tune"])
def test_shipped_configurations_can_be_read(name: str) -> None:
    folder = Path(__file__).parents[2] / "config" / "training"
    assert read_training_config(folder / f"{name}.yaml").data


def vqa_folder(folder: Path) -> Path:
    (folder / "images").mkdir()
    (folder / "images" / "COCO_val2014_000000000042.png").write_bytes(PICTURE)
    asked = [
        {"image_id": 42, "question_id": 420, "question": "What is it?"},
        {"image_id": 42, "question_id": 421, "question": "Who answers this?"},
    ]
    answers = [{"answer": said} for said in ("cup", "mug", "cup")]
    (folder / "questions.json").write_text(json.dumps({"questions": asked}))
    told = {"annotations": [{"question_id": 420, "answers": answers}]}
    (folder / "annotations.json").write_text(json.dumps(told))
    return folder


def test_questions_come_with_all_that_people_answered(tmp_path: Path) -> None:
    source = AskedPictures(vqa_folder(tmp_path))
    assert source.parts == 1
    (sample,) = source.samples(0)
    (task,) = sample.tasks
    assert (task.instruction.task, task.instruction.instruction) == ("vqa", "What is it?")
    assert (task.answer.text, task.accepted) == ("cup", ("cup", "mug", "cup"))
    kept = sample_of(sample.key, sample_files(sample))
    assert kept.tasks[0].accepted == task.accepted


def test_a_question_about_a_picture_that_is_missing_is_told(tmp_path: Path) -> None:
    vqa_folder(tmp_path)
    (tmp_path / "images" / "COCO_val2014_000000000042.png").unlink()
    with pytest.raises(DataSetError, match="has no picture 000000000042"):
        list(AskedPictures(tmp_path).samples(0))
