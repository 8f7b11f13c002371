"""`./uio2 bench recall`: how far from the truth the world memory puts things, in many scenes.

Scenes of the simulator are held out from the training of uio2-nano. With true boxes, the error is
that of lifting and remembering; with a model's, that of the robot.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from tqdm import tqdm

from uio2_ros.cli.measurement import bench_parser, save
from uio2_ros.cli.options import add_options
from uio2_ros.serving.spec import ModelSpec

if TYPE_CHECKING:
    from uio2_ros.evaluation.recall import RecallSummary

DEFAULT_SCENES = 40
LEAST_WITHIN = 0.95
"""Of the objects of a table that are known by their true boxes, within 5 cm."""


def main(argv: Sequence[str]) -> int:
    """Measure and print; 1 if true boxes are recalled less well than they must be."""
    from uio2_ros.evaluation.recall import finders, recalls, summaries
    from uio2_ros.evaluation.run import versions
    from uio2_ros.evaluation.summary import finite
    from uio2_ros.serving import InProcess
    from uio2_ros.sim import SIM_TASKS, PictureSize

    options = _parse(argv)
    tasks = tuple(SIM_TASKS)
    scenes = [
        (tasks[number % len(tasks)], options.seed + number // len(tasks))
        for number in range(options.scenes)
    ]
    spec = ModelSpec(options.model, options.tokenizer, options.device, options.dtype)
    with nullcontext() if options.model == "none" else InProcess.of(spec) as answerer:
        ways = finders(answerer)
        records = [
            record
            for task, seed in tqdm(scenes, unit=" scenes")
            for record in recalls(task, seed, PictureSize(320, 240), ways)
        ]
    found = summaries(records)
    print(_table(found))
    content = {
        "what": "distance of recalled objects from the simulator's truth, metres",
        "command": shlex.join(["./uio2", "bench", "recall", *argv]),
        "model": options.model,
        "versions": versions(),
        "summary": [finite(asdict(one)) for one in found],
    }
    save(content, options.json)
    limited = [one for one in found if (one.place, one.boxes) == ("table", "truth")]
    return 0 if all(one.within.mean >= LEAST_WITHIN for one in limited) else 1


def _table(found: Sequence[RecallSummary]) -> str:
    lines = [
        f"{'':22} {'objects':>7} {'known':>7} {'mean cm (95 %)':>18} {'median':>7} {'p95':>6} "
        f"{'of known within 5 cm':>22} {'of all':>7}"
    ]
    for one in found:
        error, within = one.error_m, one.within
        lines.append(
            f"{one.place:6}{one.boxes:8}{one.moment:8} {one.known.count:7d} "
            f"{100 * one.known.mean:6.1f}% "
            f"{100 * error.mean:6.2f} ({100 * error.low:4.2f}-{100 * error.high:5.2f}) "
            f"{100 * one.median_m:7.2f} {100 * one.p95_m:6.2f} "
            f"{100 * within.mean:6.1f}% ({100 * within.low:4.1f}-{100 * within.high:5.1f}) "
            f"{100 * one.within_of_all.mean:6.1f}%"
        )
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("recall", __doc__)
    add_options(parser, ModelSpec, "model", "tokenizer", "device", "dtype")
    parser.set_defaults(model="uio2-nano")
    parser.add_argument("--scenes", type=int, default=DEFAULT_SCENES, help="the tasks in turn")
    parser.add_argument("--seed", type=int, default=7, help="of the first scene of each task")
    return parser.parse_args(argv)
