"""`./uio2 bench faults`: provokes faults of real processes, and measures how they end."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from uio2_ros.cli.faults.report import FaultReport, lines, save
from uio2_ros.cli.measurement import bench_parser

if TYPE_CHECKING:
    from uio2_ros.cli.faults.stage import FaultStage

SCENARIOS = {
    "killed": "of_model",
    "stopped": "of_model",
    "out_of_memory": "of_model",
    "nan_weights": "of_model",
    "corrupt_checkpoint": "of_model",
    "full_disk": "of_host",
    "full_shared_memory": "of_host",
    "clock_jumps_back": "of_graph",
    "clock_jumps_ahead": "of_graph",
    "clock_stands": "of_graph",
    "qos_changes": "of_graph",
    "camera_lost": "of_graph",
    "controller_gone": "of_graph",
    "participant_lost": "of_graph",
    "agent_lost_while_driving": "of_graph",
}
"""By name the module of each."""
OWN_MOUNTS = ("unshare", "--mount", "--map-root-user")
LONGEST_S = 1800


def main(argv: Sequence[str]) -> int:
    """0 if every fault was reported as it should and was over; 1 otherwise."""
    options = _parse(argv)
    if options.here:
        return _play(options.scenarios[0])
    reports, failed = [], []
    for name in options.scenarios or SCENARIOS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcome = _in_process(name)
        if isinstance(outcome, FaultReport):
            reports.append(outcome)
        else:
            failed.append(f"FAIL  {name}: {outcome}")
    print("\n".join([lines(reports), *failed]))
    if options.json:
        save(reports, options.json)
    return int(bool(failed) or not all(one.passes for one in reports))


def _in_process(name: str) -> FaultReport | str:
    """The outcome of a scenario in a process and a domain of its own, or why there is none."""
    mounts = SCENARIOS[name] == "of_host"
    if mounts and shutil.which(OWN_MOUNTS[0]) is None:
        return "needs unshare (util-linux) for file systems of its own"
    command = [*(OWN_MOUNTS if mounts else ()), sys.executable, "-m", __spec__.name, name, "--here"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return f"not over after {LONGEST_S} s"
    if done.returncode:
        return f"exit code {done.returncode}"
    content = json.loads(done.stdout.splitlines()[-1])
    return FaultReport(**{**content, "expected": tuple(content["expected"])})


def _play(name: str) -> int:
    """Runs a scenario here, and prints its outcome as JSON."""
    import importlib

    from uio2_ros.cli.faults.stage import FaultStage

    module = importlib.import_module(f"uio2_ros.cli.faults.{SCENARIOS[name]}")
    play: Callable[[FaultStage], FaultReport] = getattr(module, name)
    with FaultStage() as stage:
        outcome = play(stage)
        seen = outcome.seen.replace(f"{stage.folder}/", "").replace(sys.executable, "python")
    print(json.dumps({**asdict(outcome), "seen": seen}))
    return 0


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("faults", __doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    unknown = sorted(set(options.scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"no scenario is called {', '.join(unknown)}")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
