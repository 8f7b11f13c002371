"""`./uio2 data view DIR`: samples as the model is shown them, and what it is to reply."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from uio2_ros.cli.data_import import action_space_of
from uio2_ros.data.sample import Sample
from uio2_ros.data.shards import DataSet, DataSetError
from uio2_ros.inference.families.unified_io_2 import SYNTHETIC_TOKENIZER
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.action_space import ActionSpace, load_action_spaces
from uio2_ros.training.example_sheet import page, sheet
from uio2_ros.training.examples import ExampleError, ExampleMaker, TrainingExample
from uio2_ros.viewing.pen import Pixels


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    sample = _sample(DataSet.open(asked.folder), asked.sample, asked.number)
    spaces = {**load_action_spaces(), **{one.name: one for one in asked.action_space}}
    processor = Processor(ModelConfig.load(asked.model), Tokenizer(asked.tokenizer))
    maker = ExampleMaker(processor, spaces)
    try:
        examples = [
            one
            for number, labelled in enumerate(sample.tasks)
            if not asked.tasks or labelled.instruction.task in asked.tasks
            for one in maker.examples_of(sample, number, asked.variant)
        ]
    except ExampleError as problem:
        raise DataSetError(str(problem)) from problem
    if not examples:
        there = ", ".join(dict.fromkeys(task.instruction.task for task in sample.tasks))
        raise DataSetError(f"sample {sample.key} has none of these tasks; it has {there}")
    asked.output.mkdir(parents=True, exist_ok=True)
    for path in _draw(sample, examples, processor, spaces, asked):
        print(path)
    return 0


def _draw(
    sample: Sample,
    examples: Sequence[TrainingExample],
    processor: Processor,
    spaces: dict[str, ActionSpace],
    asked: argparse.Namespace,
) -> Iterator[Path]:
    if not asked.full:
        shown = examples if asked.tasks else _one_of_each(examples)
        yield _save(asked.output / f"{sample.key}.png", sheet(sample, shown, processor))
        return
    for number, one in enumerate(examples):
        task = one.labelled.instruction.task or "free_form"
        space = spaces.get(one.labelled.instruction.action_space)
        drawn = page(sample, one, processor, space)
        yield _save(asked.output / f"{sample.key}_{number:03d}_{task}.png", drawn)


def _one_of_each(examples: Sequence[TrainingExample]) -> list[TrainingExample]:
    """The first example of each task and modality."""
    first: dict[tuple[str, str], TrainingExample] = {}
    for one in examples:
        first.setdefault((one.labelled.instruction.task, one.example.target), one)
    return list(first.values())


def _save(path: Path, pixels: Pixels) -> Path:
    if not cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
        raise DataSetError(f"{path} cannot be written; name another folder with -o")
    return path


def _sample(data: DataSet, key: str, number: int) -> Sample:
    if not key:
        found = next(itertools.islice(data.samples(), number, None), None)
        if found is None:
            raise DataSetError(f"{data.folder} has no sample number {number}")
        return found
    for sample in data.samples():
        if sample.key == key:
            return sample
    raise DataSetError(f"{data.folder} has no sample {key!r}; ./uio2 data info --keys lists them")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./uio2 data view",
        description="Draw a sample as the model is shown it, and what it is to reply.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sample", default="", metavar="KEY", help="default: the first")
    which.add_argument("--number", type=int, default=0, help="count of the sample, from 0")
    parser.add_argument(
        "--full", action="store_true", help="a page for each example, not a sheet with each task"
    )
    parser.add_argument("--tasks", nargs="+", default=[], help="only these, all of them")
    parser.add_argument("--variant", type=int, default=0, help="paraphrase of the prompts")
    parser.add_argument("--action-space", type=action_space_of, nargs="+", default=[])
    parser.add_argument("--model", default="large", help="whose inputs (default: large)")
    parser.add_argument("--tokenizer", type=Path, default=SYNTHETIC_TOKENIZER)
    parser.add_argument("-o", "--output", type=Path, default=Path("uio2_data_view"), metavar="DIR")
    return parser.parse_args(list(argv))
