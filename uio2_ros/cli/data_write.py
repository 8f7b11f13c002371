"""`./uio2 data write DIR`: a data set out of the simulator."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from uio2_ros.cli.options import add_options, at_least_one
from uio2_ros.cli.outcome import Exit, ended
from uio2_ros.data.sample_files import Storage
from uio2_ros.data.shards import DataSet
from uio2_ros.data.simulated import SimulatedSettings, SimulatedShards
from uio2_ros.data.simulated_scenes import SceneSettings, SceneShards
from uio2_ros.data.writing import Amount, ShardSource, Written, write_data_set
from uio2_ros.sim import SIM_TASKS, PictureSize, Split

MIB = 2**20
SCENES_PER_SHARD = 50


def main(argv: Sequence[str]) -> int:
    asked = _parse(argv)
    storage = Storage(asked.jpeg_quality)
    try:
        plan = _scenes(asked) if asked.scenes else _episodes(asked)
    except ValueError as problem:
        return ended("data write", problem, Exit.WRONG)
    record = {**plan.record, "jpeg_quality": storage.jpeg_quality or None}
    data = DataSet.create(asked.folder, record)
    write_and_report(data, plan.source, plan.amount, asked.workers, storage)
    return Exit.DONE


@dataclass(frozen=True)
class WritingPlan:
    """What is written, how much of it, and what `dataset.json` says: all that the content of a
    shard depends on."""

    source: ShardSource
    amount: Amount
    record: dict[str, Any]


def _scenes(asked: argparse.Namespace) -> WritingPlan:
    """Tables that are only looked at."""
    settings = SceneSettings(
        Split(asked.split),
        asked.seed,
        PictureSize(asked.size[0], asked.size[-1]),
        samples_per_pixel=asked.samples_per_pixel,
        tasks=tuple(asked.tasks or ()),
        under_way=asked.under_way,
        drawn=asked.drawn,
    )
    record = {
        "source": "scenes",
        **asdict(settings),
        "split": settings.split.value,
        "scenes_per_shard": SCENES_PER_SHARD,
    }
    amount = Amount(shards=math.ceil(asked.scenes / SCENES_PER_SHARD))
    return WritingPlan(SceneShards(settings, SCENES_PER_SHARD), amount, record)


def _episodes(asked: argparse.Namespace) -> WritingPlan:
    per_shard = asked.episodes_per_shard
    settings = SimulatedSettings(
        split=Split(asked.split),
        tasks=tuple(asked.tasks or SIM_TASKS),
        seed=asked.seed,
        size=PictureSize(asked.size[0], asked.size[-1]),
        period_s=asked.period,
        samples_per_pixel=asked.samples_per_pixel,
    )
    record = {
        "source": "simulator",
        **asdict(settings),
        "split": settings.split.value,
        "tasks": list(settings.tasks),
        "episodes_per_shard": per_shard,
    }
    shards = None if asked.samples else math.ceil(asked.episodes / per_shard)
    amount = Amount(samples=asked.samples, shards=shards)
    return WritingPlan(SimulatedShards(settings, per_shard), amount, record)


def write_and_report(
    data: DataSet, source: ShardSource, amount: Amount, workers: int, storage: Storage
) -> None:
    """Write with a progress bar and say what was written."""
    with tqdm(total=amount.samples, unit=" samples", disable=None) as bar:
        written = write_data_set(
            data, source, amount, workers=workers, storage=storage, on_samples=bar.update
        )
    print(report(data, written))


def report(data: DataSet, written: Written) -> str:
    """What there is now and how fast it was made."""
    size = sum(path.stat().st_size for path in data.shards) / MIB
    total = written.samples_before + written.samples
    lines = [
        f"{data.folder}: {total} samples in {written.shards} shards, {size:.1f} MiB; "
        f"{written.samples} of them new"
    ]
    if written.samples:
        per_core = written.samples / written.processor_s
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        lines.append(
            f"{written.samples} frames in {written.wall_s:.1f} s: "
            f"{written.samples / written.wall_s:.1f} a second; in {written.processor_s:.1f} s of "
            f"processor time: {per_core:.1f} a second and core, left alone (the machine's load "
            f"is {load:.1f} a core)"
        )
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./uio2 data write",
        description="Write samples out of the simulator as WebDataset shards. A run that was ended "
        "in the middle goes on when it is given again.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--split", choices=[split.value for split in Split], default="train")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--episodes", type=at_least_one, default=100, help="about 40 samples each")
    amount.add_argument("--samples", type=at_least_one, help="at least so many")
    amount.add_argument(
        "--scenes", type=at_least_one, help="tables that are only looked at, in place of episodes"
    )
    parser.add_argument(
        "--tasks",
        nargs="+",
        choices=list(SIM_TASKS),
        help="of episodes, all by default; with --scenes their starts, in place of random tables",
    )
    add_options(parser, SceneSettings, "under_way")
    parser.add_argument(
        "--drawn",
        action="store_true",
        help="with --scenes: depth, normals and the picture itself are asked for, too",
    )
    parser.add_argument("--workers", type=at_least_one, default=1, help="processes (default: 1)")
    parser.add_argument(
        "--size", type=at_least_one, nargs="+", default=[256], help="width and height"
    )
    parser.add_argument("--episodes-per-shard", type=at_least_one, default=16)
    add_options(parser, SimulatedSettings, "seed", "period", "samples_per_pixel")
    add_options(parser, Storage, "jpeg_quality")
    return parser.parse_args(list(argv))
