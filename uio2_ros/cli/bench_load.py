"""`./uio2 bench load`: how long the weights take to load and how much memory they take to run.

The reference is the time of reading the weight file once. Both read from the disk: the system is
asked to drop the file from its page cache before; the note says what they take from the cache.
Loading counts until every weight is in memory. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from uio2_ros.cli.measurement import Measurement, bench_parser, conclude
from uio2_ros.cli.options import at_least_one

LOADING_LIMIT = 1.5  # times reading the file
MEMORY_LIMIT = 1.3  # times the weights
LARGE_FILES_FOLDER = "/var/tmp"  # on a disk, where /tmp may be memory
FORMATS = {"bin": "pytorch_model.bin", "safetensors": "model.safetensors"}
ROOM = 3 * 2**30  # bytes of a checkpoint of the size `large`, with some to spare

Numbers = Mapping[str, float]


def loading_of(name: str, runs: Sequence[Numbers]) -> Measurement:
    """The median loading time against that of reading."""
    median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return Measurement(
        f"loading {name}",
        median["load_s"] + median["touch_s"],
        LOADING_LIMIT * median["read_s"],
        "s",
        f"{LOADING_LIMIT} x reading in {median['read_s']:.3g} s; until the model is there "
        f"{median['load_s']:.3g} s, then until all weights are; from the page cache "
        f"{median['cached_load_s']:.2g} s, reading {median['cached_read_s']:.2g} s; "
        f"median of {len(runs)}",
    )


def memory_of(name: str, run: Numbers) -> Measurement:
    """The peak of memory against the size of the weights."""
    return Measurement(
        f"memory of {name}",
        run["peak_bytes"] / 1e9,
        MEMORY_LIMIT * run["weights_bytes"] / 1e9,
        "GB",
        f"{MEMORY_LIMIT} x weights of {run['weights_bytes'] / 1e9:.3g} GB; peak of loading "
        f"and writing a text; {run['own_bytes'] / 1e9:.3g} GB are not the file's pages",
    )


def measure(folder: Path, repeats: int) -> list[Measurement]:
    """Both limits for both formats of the checkpoint in a folder."""
    measurements = []
    imports = []
    for kind, name in FORMATS.items():
        _say(f"{name}: loading {repeats} times, then running once ...")
        runs = [_process("load", folder / kind) for _ in range(repeats)]
        imports += [run["import_s"] for run in runs]
        measurements.append(loading_of(name, runs))
        measurements.append(memory_of(name, _process("run", folder / kind)))
    _say(f"before that, importing torch and the package takes {statistics.median(imports):.3g} s")
    return measurements


def make_checkpoint(folder: Path, config: str) -> None:
    """Write the checkpoint unless it is there."""
    if all((folder / kind / "config.json").is_file() for kind in FORMATS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if config == "large" and free < len(FORMATS) * ROOM:
        raise SystemExit(
            f"uio2 bench load: {folder} has {free / 2**30:.1f} GiB free, the checkpoint needs "
            f"{len(FORMATS) * ROOM / 2**30:.0f}; name another place with --folder"
        )
    _say(f"writing synthetic weights of the size {config} to {folder} ...")
    _process("make", folder, config)


def _process(*arguments: str | Path) -> dict[str, float]:
    """What a process of `bench_load_process` prints."""
    module = "uio2_ros.cli.bench_load_process"
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"uio2 bench load: {' '.join(command)} ended with {done.returncode}")
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str]) -> int:
    options = _parse(argv)
    place: AbstractContextManager[str | Path] = (
        nullcontext(options.folder)
        if options.folder
        else tempfile.TemporaryDirectory(prefix="uio2-bench-", dir=LARGE_FILES_FOLDER)
    )
    with place as folder:
        make_checkpoint(Path(folder), options.config)
        results = measure(Path(folder), options.repeats)
    return conclude(results, options.json)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("load", __doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        help="write the checkpoint here, use it if it is there already, and keep it; "
        f"otherwise 5.4 GB go to {LARGE_FILES_FOLDER} for as long as it takes",
    )
    parser.add_argument("--config", default="large", help="name of a shipped configuration")
    parser.add_argument(
        "--repeats", type=at_least_one, default=3, help="processes per loading time"
    )
    return parser.parse_args(argv)
