"""`./uio2 bench lifecycle`: configure, activate, deactivate, clean up, again and again."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from lifecycle_msgs.msg import Transition

from uio2_ros.cli.dds_domain import keep_to_one_domain
from uio2_ros.cli.faults.of_model import change_state
from uio2_ros.cli.faults.stage import FaultStage, Program
from uio2_ros.cli.measurement import Measurement, table

CYCLE = (
    Transition.TRANSITION_CONFIGURE,
    Transition.TRANSITION_ACTIVATE,
    Transition.TRANSITION_DEACTIVATE,
    Transition.TRANSITION_CLEANUP,
)
WARM = 10
"""Cycles before anything is counted: what is made once is there."""
MOST_GROWTH_KIB = 16.0
"""A cycle, in the mean: less than the smallest picture that was not given back."""
FACTORY = "uio2_ros.cli.faults.instant_model"


@dataclass(frozen=True)
class Holdings:
    """What the agent's process has after a cycle."""

    resident_bytes: int
    threads: int
    descriptors: int
    children: int


def main(argv: Sequence[str]) -> int:
    """0 if nothing grows."""
    options = _parse(argv)
    keep_to_one_domain()
    with (
        tempfile.TemporaryDirectory(prefix="uio2-lifecycle-") as folder,
        FaultStage(Path(folder)) as stage,
    ):
        held, seconds = cycles(stage, options.cycles)
    results = judge(held, seconds)
    print(table(results))
    if options.json:
        content = {"cycles": options.cycles, "seconds": round(seconds, 1)}
        samples = [asdict(one) for one in held[:: max(1, len(held) // 20)]]
        results_json = [{**asdict(one), "passes": one.passes} for one in results]
        text = json.dumps({**content, "results": results_json, "samples": samples}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(not all(result.passes for result in results))


def cycles(stage: FaultStage, number: int) -> tuple[list[Holdings], float]:
    """What the agent held after each cycle, and the seconds that they took together.

    Its model is one that loads at once, in a process of its own as any: a thousand times.
    """
    agent = stage.start(FACTORY, "--ros-args", "-p", "autostart:=false")
    for _ in range(WARM):
        _cycle(stage)
    began_s, held = time.monotonic(), [_holdings(agent)]
    for _ in range(number):
        _cycle(stage)
        held.append(_holdings(agent))
    return held, time.monotonic() - began_s


def judge(held: Sequence[Holdings], seconds: float) -> list[Measurement]:
    """Growth per cycle of memory, and in all of everything that is counted."""
    first, last, number = held[0], held[-1], len(held) - 1
    grown_kib = (last.resident_bytes - first.resident_bytes) / 1024
    sizes = f"{first.resident_bytes / 2**20:.1f} to {last.resident_bytes / 2**20:.1f} MiB"
    note = f"{sizes} in {number} cycles of {seconds / number:.2f} s; {_jumps(held)} grew it"
    memory = Measurement(
        "memory, a cycle", max(0.0, grown_kib / number), MOST_GROWTH_KIB, "KiB", note
    )
    counted = [
        Measurement(
            name, getattr(last, name) - getattr(first, name), 0, "more", f"{_of(held, name)}"
        )
        for name in ("threads", "descriptors", "children")
    ]
    return [memory, *counted]


def _jumps(held: Sequence[Holdings]) -> int:
    return sum(after.resident_bytes > before.resident_bytes for before, after in pairwise(held))


def _of(held: Sequence[Holdings], name: str) -> str:
    values = [getattr(one, name) for one in held]
    return f"{min(values)} to {max(values)}"


def _cycle(stage: FaultStage) -> None:
    for transition in CYCLE:
        change_state(stage, transition)


def _holdings(agent: Program) -> Holdings:
    process = psutil.Process(agent.pid)
    return Holdings(
        process.memory_info().rss,
        process.num_threads(),
        process.num_fds(),
        len(process.children()),
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./uio2 bench lifecycle", description=__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
