"""Data sets asked of a model: each question once, failures counted, published scores beside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from uio2_ros.cli import eval as eval_command
from uio2_ros.data.media_files import png_bytes
from uio2_ros.evaluation.benchmarks import (
    METRICS,
    Benchmark,
    BenchmarkError,
    questions,
    read_benchmarks,
    run_benchmark,
    scores_of,
    table,
)
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.tasks.registry import task_named
from uio2_ros.training.config import DataSettings

CONFIG = Path(__file__).parents[2] / "config" / "evaluation"


class Knowing:
    """Answers as the labels of the benchmark say, but for what it is told to get wrong."""

    def __init__(self, benchmark: Benchmark, wrong: Sequence[str] = ()) -> None:
        self._known = {one.instruction: one.answer for _, one in questions(benchmark)}
        self._wrong = wrong
        self.asked: list[Instruction] = []

    def run_batch(self, requests: Sequence[tuple[Instruction, Observation]]) -> tuple[Answer, ...]:
        self.asked += [instruction for instruction, _ in requests]
        return tuple(
            Answer.failed(ErrorCode.OUT_OF_MEMORY, "no room")
            if instruction.task in self._wrong
            else self._known[instruction]
            for instruction, _ in requests
        )


@pytest.fixture
def pictures(tmp_path: Path) -> DataSettings:
    """A COCO folder of one picture with boxes, captions, an expression, joints and a mask."""
    import numpy as np

    (tmp_path / "1.png").write_bytes(png_bytes(np.zeros((30, 40, 3), np.uint8)))
    joints = [number for n in range(17) for number in (n, n + 1, 2)]
    annotations = [
        {"image_id": 1, "caption": "A cup and a bowl."},
        {"image_id": 1, "caption": "Some crockery."},
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 10, 20], "sentences": ["the cup"]},
        {
            "image_id": 1,
            "category_id": 1,
            "bbox": [20, 2, 15, 25],
            "keypoints": joints,
            "segmentation": [[20, 2, 34, 2, 34, 26, 20, 26]],
        },
    ]
    record = {
        "images": [{"id": 1, "file_name": "1.png", "height": 30, "width": 40}],
        "categories": [{"id": 3, "name": "cup"}, {"id": 1, "name": "person"}],
        "annotations": annotations,
    }
    (tmp_path / "annotations.json").write_text(json.dumps(record))
    return DataSettings("coco", str(tmp_path))


def test_right_answers_score_a_hundred_in_every_metric(pictures: DataSettings) -> None:
    pytest.importorskip("pycocotools")
    benchmark = Benchmark("all", pictures, published="RefCOCO", tasks=())
    answered = run_benchmark(benchmark, Knowing(benchmark).run_batch, batch=2)
    assert set(answered) == {
        *("caption", "refexp", "localize", "coco_detect", "keypoints", "segment")
    }
    for score in scores_of(benchmark, answered):
        if score.metric != "CIDEr":  # needs several pictures to know what is rare
            assert score.value.mean == pytest.approx(100), score


def test_each_instruction_is_asked_once(pictures: DataSettings) -> None:
    benchmark = Benchmark("captions", pictures, tasks=("caption",))
    model = Knowing(benchmark)
    answered = run_benchmark(benchmark, model.run_batch)
    assert len(model.asked) == 1
    ((_, labelled),) = answered["caption"].pairs
    assert labelled.accepted == ("a cup and a bowl.", "some crockery.")


def test_failures_score_nothing_and_are_counted(pictures: DataSettings) -> None:
    benchmark = Benchmark("refexp", pictures, tasks=("refexp",), published="RefCOCO")
    answered = run_benchmark(benchmark, Knowing(benchmark, wrong=["refexp"]).run_batch)
    assert sum(answered["refexp"].errors.values()) == 1
    first, second = scores_of(benchmark, answered)
    assert first.value.mean == second.value.mean == 0
    assert first.published == (84.1, 88.2, 90.7)
    assert second.published is None
    assert "84.1 / 88.2 / 90.7" in table([first, second])


def test_a_limit_is_of_questions(pictures: DataSettings) -> None:
    benchmark = Benchmark("few", pictures, limit=3)
    assert len(list(questions(benchmark))) == 3
    assert len(list(questions(replace(benchmark, limit=0)))) > 3


def test_nothing_to_ask_is_told(pictures: DataSettings) -> None:
    benchmark = Benchmark("none", pictures, tasks=("depth",))
    with pytest.raises(BenchmarkError, match="none has no sample that asks any of depth"):
        run_benchmark(benchmark, Knowing(benchmark).run_batch)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tasks": ("dance",)}, "no metric is known for dance"),
        ({"published": "Chess"}, "nothing was published of 'Chess'"),
        ({"limit": -1}, "limit is -1"),
        ({"data": DataSettings("prepared", "x")}, "prepared examples have no pictures"),
    ],
)
def test_a_benchmark_that_makes_no_sense_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(Benchmark("one", DataSettings("scenes")), **changes)  # type: ignore[arg-type]


def test_every_metric_is_of_a_task() -> None:
    for name in METRICS:
        assert task_named(name).name == name


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_benchmarks_are_read(path: Path) -> None:
    assert all(set(one.tasks) <= set(METRICS) for one in read_benchmarks(path))


def test_the_command_asks_a_model_and_writes_its_scores(
    pictures: DataSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.json"
    given = ["data", "refcoco", "--path", pictures.path, "--model", "uio2-nano"]
    assert eval_command.main([*given, "--json", str(out)]) == 0
    assert "RefCOCO" in capsys.readouterr().out
    first = json.loads(out.read_text())["scores"][0]
    assert (first["benchmark"], first["metric"]) == ("RefCOCO", "IoU > 0.5")
    assert first["value"]["count"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chess"], "chess is neither a file nor one of"),
        (["coco", "--path", "x"], "--path is for one benchmark"),
        (["refcoco", "--tasks", "dance"], "no metric is known for dance"),
    ],
)
def test_wrong_arguments_are_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert eval_command.main(["data", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_missing_data_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ["data", "vqav2", "--path", str(tmp_path), "--model", "uio2-nano"]
    assert eval_command.main(asked) == 1
    assert "has no VQA questions" in capsys.readouterr().err
