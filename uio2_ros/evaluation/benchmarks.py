"""How well a model answers the labelled tasks of data sets, by the metrics of the original.

A benchmark is a source of samples as training has them, and which of their tasks are asked. Each
instruction is asked once of a sample; answers that fail score 0 and are counted.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.evaluation import benchmark_metrics as metrics
from uio2_ros.evaluation.corpus_metrics import average_precision, cider
from uio2_ros.evaluation.perception import depth_scores
from uio2_ros.evaluation.published import PUBLISHED, Published
from uio2_ros.evaluation.scores import Estimate, box_overlap, mean
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation
from uio2_ros.robot.records import read_yaml
from uio2_ros.training.config import DataSettings
from uio2_ros.training.streams import source_of

PER_CENT = 100.0


class BenchmarkError(ValueError):
    """A file that describes no benchmark, or a benchmark that has nothing to ask."""


Ask = Callable[[Sequence[tuple[Instruction, Observation]]], Sequence[Answer]]
"""Answers several instructions in order, as `TaskRunner.run_batch` does."""


@dataclass(frozen=True)
class Benchmark:
    """A data set, what is asked of it, and beside which published score its own is shown.

    tasks: none are all that have a metric. limit: how many questions at most; 0: all.
    """

    name: str
    data: DataSettings
    tasks: tuple[str, ...] = ()
    published: str = ""
    limit: int = 0

    def __post_init__(self) -> None:
        unknown = sorted(set(self.tasks) - set(METRICS))
        if unknown:
            raise ValueError(
                f"no metric is known for {', '.join(unknown)}; expected {', '.join(METRICS)}"
            )
        if self.published and self.published not in PUBLISHED:
            raise ValueError(
                f"nothing was published of {self.published!r}; expected {', '.join(PUBLISHED)}"
            )
        if self.data.kind == "prepared":
            raise ValueError("prepared examples have no pictures left; give the source they are of")
        if self.limit < 0:
            raise ValueError(f"limit is {self.limit}; give 0 for all, or more")


@dataclass(frozen=True)
class BenchmarkFile:
    """What a YAML file under config/evaluation holds."""

    benchmarks: tuple[Benchmark, ...]


def read_benchmarks(path: Path) -> tuple[Benchmark, ...]:
    """The benchmarks of a file. Raises BenchmarkError."""
    found = read_yaml(path, BenchmarkFile, BenchmarkError).benchmarks
    if not found:
        raise BenchmarkError(f"{path}: has no benchmark")
    return found


@dataclass(frozen=True)
class Score:
    """A number of a benchmark; shares are per cent. low and high are NaN for those of a corpus."""

    benchmark: str
    task: str
    metric: str
    value: Estimate
    published: Published | None = None


@dataclass
class TaskAnswers:
    """The answers to one task of a benchmark, beside what was right."""

    pairs: list[tuple[Answer, LabelledTask]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer, labelled: LabelledTask) -> None:
        """An answer that failed counts as one that says nothing."""
        if answer.error_code:
            self.errors[f"{int(answer.error_code)}: {answer.error_msg}"] += 1
            answer = Answer()
        self.pairs.append((answer, labelled))


def questions(benchmark: Benchmark) -> Iterator[tuple[Sample, LabelledTask]]:
    """What is asked, in the order of the source. DataSetError for a source that has nothing."""
    source = source_of(benchmark.data)
    wanted = set(benchmark.tasks or METRICS)
    every = (
        (sample, labelled)
        for part in range(source.parts)
        for sample in source.samples(part)
        for labelled in _once(sample.tasks)
        if labelled.instruction.task in wanted
    )
    return itertools.islice(every, benchmark.limit or None)


def _once(tasks: Iterable[LabelledTask]) -> Iterator[LabelledTask]:
    """Each instruction with its first answer: the others are among those it accepts."""
    said = set[Instruction]()
    for labelled in tasks:
        if labelled.instruction not in said:
            said.add(labelled.instruction)
            yield labelled


def run_benchmark(
    benchmark: Benchmark,
    ask: Ask,
    *,
    batch: int = 8,
    on_answers: Callable[[int], object] = lambda _: None,
) -> dict[str, TaskAnswers]:
    """Ask everything, `batch` questions at a time; answers by task.

    on_answers hears how many came. Raises BenchmarkError where there is nothing to ask.
    """
    answered: dict[str, TaskAnswers] = {}
    asked = questions(benchmark)
    while some := list(itertools.islice(asked, batch)):
        requests = [(labelled.instruction, sample.observation) for sample, labelled in some]
        for (_, labelled), answer in zip(some, ask(requests), strict=True):
            answered.setdefault(labelled.instruction.task, TaskAnswers()).add(answer, labelled)
        on_answers(len(some))
    if not answered:
        tasks = ", ".join(benchmark.tasks or METRICS)
        raise BenchmarkError(f"{benchmark.name} has no sample that asks any of {tasks}")
    return answered


def scores_of(benchmark: Benchmark, answered: Mapping[str, TaskAnswers]) -> list[Score]:
    """The scores of all tasks; the first of a task stands beside the published one."""
    scores: list[Score] = []
    for task, its in answered.items():
        for number, (name, value) in enumerate(METRICS[task](its.pairs).items()):
            known = PUBLISHED.get(benchmark.published) if number == 0 else None
            scores.append(Score(benchmark.name, task, name, value, known))
    return scores


Pairs = Sequence[tuple[Answer, LabelledTask]]
Measured = dict[str, Estimate]


def _accepted(labelled: LabelledTask) -> tuple[str, ...]:
    return labelled.accepted or (labelled.answer.text,)


def _share(values: Iterable[float]) -> Estimate:
    return mean([PER_CENT * value for value in values])


def _of_all(value: float, count: int) -> Estimate:
    """A number that only the whole has."""
    return Estimate(PER_CENT * value, float("nan"), float("nan"), count)


def _refexp(pairs: Pairs) -> Measured:
    overlaps = [
        box_overlap(answer.detections[0].box, one.answer.detections[0].box)
        if answer.detections
        else 0.0
        for answer, one in pairs
    ]
    return {
        "IoU > 0.5": _share(float(value > 0.5) for value in overlaps),
        "IoU": _share(overlaps),
    }


def _vqa(pairs: Pairs) -> Measured:
    return {"VQA": _share(metrics.vqa_score(a.text, _accepted(one)) for a, one in pairs)}


def _exact(pairs: Pairs) -> Measured:
    return {"exact match": _share(metrics.exact_match(a.text, _accepted(one)) for a, one in pairs)}


def _captions(pairs: Pairs) -> Measured:
    each = cider([a.text for a, _ in pairs], [_accepted(one) for _, one in pairs])
    return {"CIDEr": _share(each)}


def _localization(pairs: Pairs) -> Measured:
    shares = [metrics.localization(a.detections, one.answer.detections) for a, one in pairs]
    return {"localisation": _share(shares), **_precision(pairs)}


def _precision(pairs: Pairs) -> Measured:
    found = [a.detections for a, _ in pairs]
    measured = average_precision(found, [one.answer.detections for _, one in pairs])
    return {name: _of_all(value, len(pairs)) for name, value in measured.items()}


def _segmentation(pairs: Pairs) -> Measured:
    return {
        "boundary IoU": _share(
            metrics.segmentation(_masks(a), _masks(one.answer)) for a, one in pairs
        )
    }


def _masks(answer: Answer) -> list[metrics.Mask]:
    masks = [np.asarray(one.pixels, np.uint8) for one in answer.pictures if one.role == "mask"]
    return [one for one in masks if one.any()]


def _keypoints(pairs: Pairs) -> Measured:
    shares = [metrics.keypoints(a.keypoints, one.answer.keypoints) for a, one in pairs]
    return {"OKS": _share(shares)}


def _depth(pairs: Pairs) -> Measured:
    drawn = [(_pixels(a), truth) for a, one in pairs if (truth := _pixels(one.answer)) is not None]
    errors = [metrics.depth_rmse(np.zeros_like(t) if f is None else f, t) for f, t in drawn]
    near = [depth_scores(f, t).get("within 25 %", 0.0) if f is not None else 0.0 for f, t in drawn]
    return {"RMSE (m)": mean(errors), "within 25 %": _share(near)}


def _normals(pairs: Pairs) -> Measured:
    drawn = [(_pixels(a), truth) for a, one in pairs if (truth := _pixels(one.answer)) is not None]
    each = [metrics.normals(np.zeros_like(t) if f is None else f, t) for f, t in drawn]
    names = dict.fromkeys(name for one in each for name in one)
    return {
        name: _share(values) if name.startswith("within") else mean(values)
        for name in names
        if (values := [one[name] for one in each if name in one])
    }


def _pixels(answer: Answer) -> Any:
    return answer.pictures[0].pixels.astype(np.float32) if answer.pictures else None


METRICS: Mapping[str, Callable[[Pairs], Measured]] = {
    "refexp": _refexp,
    "localize": _localization,
    "detect": _precision,
    "coco_detect": _precision,
    "vqa": _vqa,
    "categorize": _exact,
    "image_tag": _exact,
    "video_tag": _exact,
    "": _exact,
    "caption": _captions,
    "audio_caption": _captions,
    "video_caption": _captions,
    "segment": _segmentation,
    "keypoints": _keypoints,
    "depth": _depth,
    "normals": _normals,
}
"""How the answers to a task are measured; free form by exact match."""


def table(scores: Sequence[Score]) -> str:
    """For the terminal: a line for each number, with those that the authors published."""
    header = f"{'benchmark':22} {'task':13} {'metric':18} {'value':>8}  {'95 %':16} {'of':>6}"
    lines = [f"{header}  published L / XL / XXL"]
    for one in scores:
        value = one.value
        interval = "" if np.isnan(value.low) else f"[{value.low:.2f}, {value.high:.2f}]"
        known = "" if one.published is None else " / ".join(map(_told, one.published))
        lines.append(
            f"{one.benchmark:22} {one.task or 'free form':13} {one.metric:18} {value.mean:8.2f}  "
            f"{interval:16} {value.count:6}  {known}".rstrip()
        )
    return "\n".join(lines)


def _told(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:g}"
