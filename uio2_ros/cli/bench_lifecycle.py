"""`./uio2 bench lifecycle`: configure, activate, deactivate, clean up, again and again."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import psutil
from lifecycle_msgs.msg import Transition

from uio2_ros.cli.faults.of_model import change_state
from uio2_ros.cli.faults.stage import FaultStage, Program
from uio2_ros.cli.measurement import Measurement, bench_parser, conclude

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
    with FaultStage() as stage:
        held, seconds = cycles(stage, options.cycles)
    return conclude(
        judge(held, seconds),
        options.json,
        cycles=options.cycles,
        seconds=round(seconds, 1),
        samples=[asdict(one) for one in held[:: max(1, len(held) // 20)]],
    )


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
    jumps = sum(after.resident_bytes > before.resident_bytes for before, after in pairwise(held))
    note = f"{sizes} in {number} cycles of {seconds / number:.2f} s; {jumps} grew it"
    growth_kib = max(0.0, grown_kib / number)
    results = [Measurement("memory, a cycle", growth_kib, MOST_GROWTH_KIB, "KiB", note)]
    for name in ("threads", "descriptors", "children"):
        counts = [getattr(one, name) for one in held]
        told = f"{min(counts)} to {max(counts)}"
        results.append(Measurement(name, counts[-1] - counts[0], 0, "more", told))
    return results


def _cycle(stage: FaultStage) -> None:
    for transition in CYCLE:
        change_state(stage, transition)


def _holdings(agent: Program) -> Holdings:
    process = psutil.Process(agent.pid)
    return Holdings(
        agent.resident_bytes,
        process.num_threads(),
        process.num_fds(),
        len(process.children()),
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("lifecycle", __doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    return parser.parse_args(argv)
