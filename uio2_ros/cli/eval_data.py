"""`./uio2 eval data`: how well a model answers data sets, beside the published numbers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from uio2_ros.bringup import BringupError, config_folder
from uio2_ros.cli.measurement import save
from uio2_ros.cli.options import add_options
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.robot.errors import CheckpointError, TokenizerError
from uio2_ros.settings import setting

if TYPE_CHECKING:
    from uio2_ros.evaluation.benchmarks import Benchmark, Score, TaskAnswers

FORMAT = "uio2_ros benchmarks"
MODEL_OPTIONS = ("model", "tokenizer", "device", "dtype")


@dataclass(frozen=True)
class AskingSettings:
    """How a data set is asked."""

    batch: int = setting(8, "questions that are asked together", low=1, high=256)
    limit: int = setting(0, "questions of each benchmark at most; 0: all, or as its file says")


def add_parser(commands: Any) -> None:
    """The command among those of `./uio2 eval`."""
    from uio2_ros.serving.spec import ModelSpec

    parser = commands.add_parser(
        "data",
        help="data sets, by the metrics of the original, beside its published numbers",
        description="Asks a model what a data set has labels for. BENCHMARK is a file, or the name "
        f"of one that is shipped: {', '.join(sorted(_shipped()))}.",
    )
    parser.add_argument("benchmark", metavar="BENCHMARK")
    parser.add_argument("--path", help="of the data, in place of the file's (one benchmark only)")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="only these of its tasks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there")
    add_options(parser, ModelSpec, *MODEL_OPTIONS)
    add_options(parser, AskingSettings, "batch", "limit")


def main(arguments: argparse.Namespace) -> int:
    """0: done; 1: the model or the data cannot be read; 2: wrong arguments; 130: Ctrl-C."""
    from uio2_ros.data.shards import DataSetError
    from uio2_ros.evaluation.benchmarks import BenchmarkError, table

    try:
        chosen = _benchmarks(arguments)
    except (BenchmarkError, ValueError) as error:
        return ended("eval", error, Exit.WRONG)
    try:
        scores, errors = _measure(chosen, arguments)
    except (CheckpointError, TokenizerError, DataSetError, BenchmarkError, OSError) as error:
        return ended("eval", error, Exit.FAILED)
    print(table(scores))
    for told in errors:
        print(told)
    record = {"format": FORMAT, "model": arguments.model, "scores": [asdict(s) for s in scores]}
    save(record, arguments.json)
    return Exit.DONE


def _shipped() -> dict[str, Path]:
    """The benchmarks of config/evaluation by name."""
    try:
        return {path.stem: path for path in (config_folder() / "evaluation").glob("*.yaml")}
    except BringupError:  # `pip install` alone has no config folder
        return {}


def _benchmarks(arguments: argparse.Namespace) -> Sequence[Benchmark]:
    from uio2_ros.evaluation.benchmarks import BenchmarkError, read_benchmarks

    path = _shipped().get(arguments.benchmark, Path(arguments.benchmark).expanduser())
    if not path.is_file():
        known = ", ".join(sorted(_shipped()))
        raise BenchmarkError(f"{arguments.benchmark} is neither a file nor one of {known}")
    found = read_benchmarks(path)
    if arguments.path is not None:
        if len(found) > 1:
            raise BenchmarkError(f"--path is for one benchmark, {path} has {len(found)}")
        found = (replace(found[0], data=replace(found[0].data, path=arguments.path)),)
    if arguments.tasks:
        found = tuple(replace(one, tasks=tuple(arguments.tasks)) for one in found)
    if arguments.limit:
        found = tuple(replace(one, limit=arguments.limit) for one in found)
    return found


def _measure(
    chosen: Iterable[Benchmark], arguments: argparse.Namespace
) -> tuple[list[Score], list[str]]:
    from uio2_ros.evaluation.benchmarks import run_benchmark, scores_of
    from uio2_ros.serving.runner import load_model
    from uio2_ros.serving.spec import ModelSpec

    given = {name: getattr(arguments, name) for name in MODEL_OPTIONS}
    runner = load_model(ModelSpec(**given)).runner
    scores: list[Score] = []
    errors: list[str] = []
    for benchmark in chosen:
        with tqdm(desc=benchmark.name, unit=" answers", dynamic_ncols=True) as bar:
            answered = run_benchmark(
                benchmark, runner.run_batch, batch=arguments.batch, on_answers=bar.update
            )
        scores += scores_of(benchmark, answered)
        errors += _failures(benchmark, answered)
    return scores, errors


def _failures(benchmark: Benchmark, answered: dict[str, TaskAnswers]) -> list[str]:
    return [
        f"{benchmark.name}, {task}: {count} answers failed with {error}"
        for task, its in answered.items()
        for error, count in its.errors.most_common()
    ]
