"""`./uio2 bench watch`: standing instructions for minutes, and what they cost those who ask once.

The agent, its model and the simulator run in processes of their own, over real DDS. Every few
seconds somebody asks once; before the standing instructions begin, so that both can be compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from uio2_ros.cli.bench_ros import growth_of
from uio2_ros.cli.faults.stage import FaultStage, Program, resident_bytes
from uio2_ros.cli.measurement import Measurement, bench_parser, conclude
from uio2_ros.client import AgentAnswer, PendingAnswer, WatchSettings

WATCHED: dict[str, WatchSettings] = {
    "": {"task": "detect"},
    "is there a red cube?": {"task": "vqa", "options": ("yes", "no")},
}
ONCE: dict[str, Any] = {"instruction": "the red cube", "task": "refexp"}
ALONE = 10
"""Questions before the standing instructions begin."""
ASK_EVERY_S = 10.0
WRITTEN_EVERY = round(60 / ASK_EVERY_S)
"""One sample a minute."""
WARM_S = 20.0
"""Until the rates and memory are those of every day."""
MOST_SHORT_PERCENT = 5.0
"""By which the rate reached may be below the one asked."""
MOST_SLOWER = 1.5
"""Times the median answer to who asks once may take of what it takes alone."""
PICTURE_RATE_HZ = 10.0


@dataclass
class WatchLog:
    """What came of one standing instruction."""

    answers: int = 0
    tracks: set[str] = field(default_factory=set)

    def hear(self, answer: AgentAnswer) -> None:
        """On the client's thread, and on no other."""
        self.answers += 1
        self.tracks |= {found.track for found in answer.detections}


@dataclass(frozen=True)
class WatchSample:
    """The processes at one moment; answers of each standing instruction since they began."""

    time_s: float
    agent_bytes: int
    model_bytes: int
    answers: tuple[int, ...]
    load: float


@dataclass(frozen=True)
class WatchRun:
    """What was measured."""

    minutes: float
    rate_hz: float
    samples: tuple[WatchSample, ...]
    alone_s: tuple[float, ...]
    beside_s: tuple[float, ...]
    failed: tuple[str, ...]
    ids: int


def main(argv: Sequence[str]) -> int:
    """0 if nothing exceeds its limit."""
    options = _parse(argv)
    with FaultStage() as stage:
        watched = _watch(stage, options)
    return conclude(
        judge(watched),
        options.json,
        minutes=watched.minutes,
        rate_hz=watched.rate_hz,
        ids=watched.ids,
        samples=[asdict(sample) for sample in watched.samples[::WRITTEN_EVERY]],
    )


def judge(watched: WatchRun) -> list[Measurement]:
    """The measurements and their limits."""
    first, last = watched.samples[0], watched.samples[-1]
    seconds = last.time_s - first.time_s
    loads = statistics.median(sample.load for sample in watched.samples)
    results = []
    for name, before, after in zip(WATCHED, first.answers, last.answers, strict=True):
        reached = (after - before) / seconds
        short = max(0.0, 100 * (1 - reached / watched.rate_hz))
        note = f"{reached:.2f} of {watched.rate_hz:g} Hz; load average {loads:.1f}"
        title = f"rate short of asked, {WATCHED[name]['task']}"
        results.append(Measurement(title, short, MOST_SHORT_PERCENT, "%", note))
    agents = [sample.agent_bytes for sample in watched.samples]
    models = [sample.model_bytes for sample in watched.samples]
    alone, beside = statistics.median(watched.alone_s), statistics.median(watched.beside_s)
    note = f"{beside * 1e3:.0f} ms beside them, {alone * 1e3:.0f} ms alone"
    asked = len(watched.beside_s) + len(watched.failed)
    return [
        *results,
        growth_of(agents, watched.minutes),
        growth_of(models, watched.minutes, "the model's process"),
        Measurement("asked once, median", beside / alone, MOST_SLOWER, "times", note),
        Measurement(
            "asked once without an answer", len(watched.failed), 0, "questions", f"of {asked}"
        ),
    ]


def _watch(stage: FaultStage, options: argparse.Namespace) -> WatchRun:
    agent = stage.agent(model=options.model, diagnostics_period=1.0)
    stage.node("uio2_ros.nodes.simulator.node", image_rate=PICTURE_RATE_HZ)
    stage.until_answered(**ONCE)
    alone_s, failed = list[float](), list[str]()
    for _ in range(ALONE):
        _ask(stage, alone_s, failed)
    standing = [WatchLog() for _ in WATCHED]
    pending = []
    for (name, settings), log in zip(WATCHED.items(), standing, strict=True):
        heard: WatchSettings = {**settings, "rate_hz": options.rate, "on_answer": log.hear}
        pending.append(stage.client.watch_async(name, **heard))
    _go_on(pending, WARM_S)
    samples, beside_s = [_sample(agent, standing)], list[float]()
    end_s = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end_s:
        _go_on(pending, min(ASK_EVERY_S, max(0.0, end_s - time.monotonic())))
        _ask(stage, beside_s, failed)
        samples.append(_sample(agent, standing))
    for one in pending:
        one.cancel_and_wait(ASK_EVERY_S)
    ids = len(standing[0].tracks - {""})
    return WatchRun(
        options.minutes,
        options.rate,
        tuple(samples),
        tuple(alone_s),
        tuple(beside_s),
        tuple(failed),
        ids,
    )


def _ask(stage: FaultStage, took_s: list[float], failed: list[str]) -> None:
    told = stage.ask(**ONCE)
    if told.code == "NONE":
        took_s.append(told.after_s)
    else:
        failed.append(str(told))


def _go_on(pending: Sequence[PendingAnswer[AgentAnswer]], seconds: float) -> None:
    """Lets time pass; raises what ended a standing instruction."""
    time.sleep(seconds)
    for one in pending:
        if one.done():
            one.result()


def _sample(agent: Program, standing: Sequence[WatchLog]) -> WatchSample:
    return WatchSample(
        time.monotonic(),
        agent.resident_bytes,
        resident_bytes(agent.model_pid),
        tuple(one.answers for one in standing),
        os.getloadavg()[0],
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("watch", __doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=2.0, help="Hz, of each of the two")
    parser.add_argument("--model", default="uio2-nano", help="as of ./uio2 up")
    return parser.parse_args(argv)
