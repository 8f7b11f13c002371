"""`./uio2 eval`: how well a model does in the simulator, next to an oracle and to chance, on data
sets, and what its VQGANs draw."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tqdm import tqdm

from uio2_ros.cli import eval_data, eval_vqgan
from uio2_ros.cli.options import add_options, width_and_height
from uio2_ros.cli.outcome import Exit, ended, interrupted_by
from uio2_ros.robot.errors import CheckpointError, TokenizerError
from uio2_ros.settings import setting

if TYPE_CHECKING:
    from uio2_ros.evaluation.jobs import Done, Job
    from uio2_ros.evaluation.run import RunProgress
    from uio2_ros.evaluation.run_folder import RunFolder
    from uio2_ros.evaluation.run_settings import RunSettings

LINE_PERIOD_S = 10.0
"""Between two lines of progress where there is no terminal."""
DEFAULT_SCENES = 8
"""To ask about; none with --ros."""


@dataclass(frozen=True)
class RunExecution:
    """How a run is carried out, which decides nothing of its outcome."""

    batch: int = setting(8, "episodes whose questions are asked together", low=1, high=64)
    workers: int = setting(1, "processes, each with its own model", low=1, high=64)
    video: int = setting(1, "episodes of each task in the video; 0: none")


def main(argv: Sequence[str]) -> int:
    """0: done; 1: the model cannot be loaded or a worker died; 2: wrong arguments; 130: Ctrl-C."""
    try:
        arguments = _parser().parse_args(argv)
        if arguments.what == "data":
            return eval_data.main(arguments)
        if arguments.what == "vqgan":
            return eval_vqgan.main(arguments)
        if arguments.what == "calibrate":
            return _calibrate(arguments.run, arguments.bundle)
        return _evaluate(arguments, argv)
    except ModuleNotFoundError as missing:
        return ended("eval", f"{missing}; pip install 'uio2_ros[sim,video]'", Exit.FAILED)
    except KeyboardInterrupt:
        return ended("eval", "interrupted", Exit.INTERRUPTED)


def _evaluate(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    from uio2_ros.evaluation.run_folder import RunFolder, RunFolderError, read_results

    try:
        settings = _settings(arguments)
        other = None if arguments.compare is None else read_results(arguments.compare)
        folder = RunFolder(arguments.output or _default_folder(), settings)
    except (ValueError, RunFolderError) as error:
        return ended("eval", error, Exit.WRONG)
    try:
        code = _carry_on(folder, settings, arguments)
        _write(folder, settings, arguments, shlex.join(["./uio2", "eval", *argv]), other)
    finally:
        folder.close()
    return code


def _calibrate(run: Path, folder: Path) -> int:
    """Writes what the scores of a run's boxes were worth into a bundle."""
    from dataclasses import replace

    from uio2_ros.evaluation.calibration import calibration_error, fitted
    from uio2_ros.evaluation.records import PerceptionRecord
    from uio2_ros.evaluation.run_folder import RunFolderError, read_results, records_of
    from uio2_ros.evaluation.summary import confidences
    from uio2_ros.model.bundle import BUNDLE_FILE, Bundle

    try:
        bundle = Bundle.read(folder / BUNDLE_FILE)
        found = [one for one in records_of(read_results(run)) if isinstance(one, PerceptionRecord)]
        tasks = dict.fromkeys(one.task for one in found if one.confidences)
        known = dict(bundle.calibration)
        for task in tasks:
            shown = confidences(one for one in found if one.task == task)
            known[task] = fitted(shown)
            print(f"{task}: {len(shown)} boxes, error {calibration_error(shown).mean:.3f} before")
    except (ValueError, RunFolderError, CheckpointError) as error:
        return ended("eval", error, Exit.WRONG)
    replace(bundle, calibration=known).save(folder / BUNDLE_FILE)
    return Exit.DONE


def _carry_on(folder: RunFolder, settings: RunSettings, arguments: argparse.Namespace) -> int:
    from uio2_ros.evaluation.run import carry_on

    period_s = 0.1 if sys.stderr.isatty() else LINE_PERIOD_S
    try:
        with (
            interrupted_by(signal.SIGTERM),
            tqdm(unit=" episodes", mininterval=period_s, dynamic_ncols=True) as bar,
        ):
            work = _work(folder, settings, arguments)
            carry_on(folder, settings, work, arguments.batch, partial(_show, bar))
    except KeyboardInterrupt:
        how = f"interrupted; the same command with -o {folder.path} goes on from here"
        return ended("eval", how, Exit.INTERRUPTED)
    except (CheckpointError, TokenizerError, OSError, RuntimeError) as error:
        return ended("eval", f"{type(error).__name__}: {error}", Exit.FAILED)
    return Exit.DONE


def _work(folder: RunFolder, settings: RunSettings, arguments: argparse.Namespace) -> Any:
    from uio2_ros.evaluation.jobs import done_by, load_answerer

    def work(jobs: list[Job]) -> Iterator[Done]:
        if not arguments.ros:
            return done_by(jobs, settings, load_answerer, arguments.workers)
        from uio2_ros.cli.eval_ros import do_over_ros

        return do_over_ros(jobs, settings, folder.path)

    return work


def _write(
    folder: RunFolder,
    settings: RunSettings,
    arguments: argparse.Namespace,
    command: str,
    other: dict[str, Any] | None,
) -> None:
    """results.json, the video, the report, and the tables for the terminal."""
    from uio2_ros.evaluation.film import FILM, chosen, write_film
    from uio2_ros.evaluation.report import Facts, Other, write_report
    from uio2_ros.evaluation.run import is_complete, results, versions
    from uio2_ros.evaluation.run_folder import records_of
    from uio2_ros.serving.spec import ModelSpec

    model = settings.model if settings.uses_model else ""
    synthetic = settings.uses_model and ModelSpec(settings.model).is_synthetic
    written = [folder.write_results(results(folder, settings, model, synthetic))]
    complete = is_complete(folder, settings)
    filmed = chosen(folder.episodes, arguments.video)
    if filmed and complete:
        written.append(write_film(folder.path / FILM, filmed, settings))
    facts = Facts(
        model=model,
        synthetic_weights=synthetic,
        complete=complete,
        versions=versions(),
        command=command,
        video=FILM if (folder.path / FILM).exists() else "",
        other=None if other is None else Other(str(arguments.compare), list(records_of(other))),
    )
    written.append(write_report(folder, settings, facts))
    print(_tables(folder, settings, facts))
    for path in written:
        print(path)


def _tables(folder: RunFolder, settings: RunSettings, facts: Any) -> str:
    """What the report says in numbers, as text."""
    from uio2_ros.evaluation.report import comparison_row, number, percent, sameness_text
    from uio2_ros.evaluation.summary import compare, sameness, successes, understandings

    lines = [f"{settings.split}, {settings.mode}, 95 % confidence"]
    if facts.synthetic_weights:
        lines.append("SYNTHETIC WEIGHTS: nobody trained this model, its line means nothing")
    lines += [
        f"{one.policy:8} {one.task:8} {percent(one.rate):26} {one.rate.count:5} episodes"
        + (f", {one.errors} failed answers" if one.errors else "")
        for one in successes(folder.episodes)
    ]
    lines += [
        f"{one.task:10} {one.score:28} {number(one.value):30} {one.value.count:5} answers"
        for one in understandings(folder.perceptions)
    ]
    if facts.other is not None:
        lines.append(f"compared with {facts.other.name}:")
        lines.append(sameness_text(sameness(folder.records, facts.other.records)))
        rows = map(comparison_row, compare(folder.records, facts.other.records))
        lines += [
            f"{row['what']:32} {row['this']:28} {row['other']:28}"
            + (" intervals apart" if row["apart"] else "")
            for row in rows
        ]
    return "\n".join(lines)


def _show(bar: tqdm[NoReturn], progress: RunProgress) -> None:
    told = [f"{policy} {good}/{count}" for policy, (good, count) in progress.successes.items()]
    told += [f"{progress.looks} questions"] if progress.looks else []
    bar.total = progress.of
    bar.set_postfix_str(", ".join(told), refresh=False)
    bar.update(progress.episodes - bar.n)


def _default_folder() -> Path:
    return Path(datetime.now().strftime("uio2_eval_%Y%m%d_%H%M%S"))


def _settings(arguments: argparse.Namespace) -> RunSettings:
    """ValueError for arguments that make no sense."""
    from uio2_ros.evaluation.run_settings import (
        PERCEPTION_TASKS,
        POLICIES,
        RunSettings,
        agent_defaults,
    )
    from uio2_ros.sim import SIM_TASKS

    histories, bounds = agent_defaults()
    wanted = set(arguments.policy or POLICIES)
    unknown = sorted(wanted - set(POLICIES))
    if unknown:
        raise ValueError(f"there is no policy {', '.join(unknown)}; expected {', '.join(POLICIES)}")
    if "model" in wanted and not arguments.no_references:
        wanted |= set(POLICIES)
    return RunSettings(
        policies=tuple(policy for policy in POLICIES if policy in wanted),
        tasks=tuple(arguments.tasks or SIM_TASKS),
        episodes=arguments.episodes,
        seed=arguments.seed,
        split=arguments.split,
        width=arguments.size[0],
        height=arguments.size[1],
        table_task=arguments.table_task,
        mode="ros" if arguments.ros else "in-process",
        model=arguments.model,
        tokenizer=arguments.tokenizer,
        device=arguments.device,
        dtype=arguments.dtype,
        perception=_scenes(arguments),
        perception_tasks=tuple(arguments.perception_tasks or PERCEPTION_TASKS),
        histories=histories,
        task_bounds=bounds,
    )


def _scenes(arguments: argparse.Namespace) -> int:
    if arguments.perception is not None:
        return int(arguments.perception)
    return 0 if arguments.ros else DEFAULT_SCENES


def _parser() -> argparse.ArgumentParser:
    from uio2_ros.evaluation.run_settings import RunSettings
    from uio2_ros.serving.spec import ModelSpec

    parser = argparse.ArgumentParser(prog="./uio2 eval", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    sim = commands.add_parser(
        "sim",
        help="closed loop and perception in the simulator",
        description="Episodes in the simulator, judged by its physics, and questions about its "
        "pictures, judged by its truth. Writes results.json, report.html and video.mp4.",
    )
    add = sim.add_argument
    add_options(sim, RunSettings, "episodes", "seed", "split", "table_task", "perception")
    sim.set_defaults(perception=None)
    add_options(sim, ModelSpec, "model", "tokenizer", "device", "dtype")
    add_options(sim, RunExecution, "batch", "workers", "video")
    add("--tasks", nargs="+", metavar="TASK", help="of the simulator; default: all")
    add("--policy", nargs="+", metavar="POLICY", help="model, oracle, random; default: all")
    add("--no-references", action="store_true", help="the model without oracle and random")
    add("--perception-tasks", nargs="+", metavar="TASK", help="segment, depth and normals are slow")
    add("--size", type=width_and_height, default=(320, 240), help="WIDTHxHEIGHT of the pictures")
    add("-o", "--output", type=Path, help="folder; one of an interrupted run is gone on with")
    add("--compare", type=Path, help="results.json of another run")
    add("--ros", action="store_true", help="a real agent over real topics")
    eval_data.add_parser(commands)
    eval_vqgan.add_parser(commands)
    calibrate = commands.add_parser(
        "calibrate",
        help="make the scores of boxes the rate at which they are right",
        description="Fits the scores of boxes to what was right in a run of the bundle before it "
        "was calibrated, and writes that into the bundle. Use scenes that the scores which are "
        "reported do not come from: --split train with new seeds.",
    )
    calibrate.add_argument("run", type=Path, help="folder of the run, or its results.json")
    calibrate.add_argument("bundle", type=Path, help="folder of the bundle")
    return parser
