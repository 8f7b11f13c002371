"""`./uio2 bench soak`: the agent at work for hours, over real DDS, and what becomes of it."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import psutil

from uio2_ros.cli.bench_ros import CALLBACK_LIMIT_MS, growth_of
from uio2_ros.cli.faults.stage import LOCALIZE, PICTURES, FaultStage, Program, wait_until
from uio2_ros.cli.measurement import Measurement, bench_parser, conclude

S_PER_HOUR = 3600.0
ASK_EVERY_S = 10.0
SAMPLE_EVERY_S = 5.0
WRITTEN_EVERY = round(60 / SAMPLE_EVERY_S)
"""One sample a minute."""
WARM_S = 30.0
"""By then the windows of the agent's statistics hold nothing of its start."""
ROUND = 900
"""Pictures that are counted together: half a minute of them."""
SETTLE_S = 3.0
"""Until the last picture has arrived and has been reported."""
LOST_LIMIT_PERCENT = 0.1
"""Of pictures sent best effort; on a busy machine some wait longer than the queue is."""


@dataclass(frozen=True)
class SoakSample:
    """The agent at one moment; counts are since it started."""

    time_s: float
    resident_bytes: int
    agent_cpu_s: float
    callback_p99_ms: float
    callback_longest_ms: float
    received: int
    restarts: int
    load: float
    """The machine's load average: what else runs makes callbacks late."""


@dataclass(frozen=True)
class Soak:
    """What was measured."""

    hours: float
    samples: tuple[SoakSample, ...]
    asked: int
    failed: tuple[str, ...]
    sent: int
    received: int


def main(argv: Sequence[str]) -> int:
    """0 if nothing exceeds its limit."""
    options = _parse(argv)
    with FaultStage() as stage:
        soak = _soak(stage, options.hours, options.ask_every)
    return conclude(
        judge(soak),
        options.json,
        hours=soak.hours,
        instructions=soak.asked,
        pictures=soak.sent,
        samples=[asdict(sample) for sample in soak.samples[::WRITTEN_EVERY]],
    )


def judge(soak: Soak) -> list[Measurement]:
    """The measurements and their limits."""
    samples = soak.samples
    p99s = [sample.callback_p99_ms for sample in samples]
    loads = [sample.load for sample in samples]
    lost = max(0, soak.sent - soak.received)
    growth = growth_of([sample.resident_bytes for sample in samples], soak.hours * 60)
    restarts = samples[-1].restarts - samples[0].restarts
    longest_ms = max(sample.callback_longest_ms for sample in samples)
    cores = len(os.sched_getaffinity(0))
    cpu_s = samples[-1].agent_cpu_s - samples[0].agent_cpu_s
    pictures = max(1, samples[-1].received - samples[0].received)
    busy = (
        f"{cpu_s / pictures * 1e3:.2f} ms of processor time a picture with all else that the agent "
        f"does; load average {statistics.median(loads):.1f} on {cores} cores"
    )
    return [
        Measurement(
            "picture callback, p99",
            statistics.median(p99s),
            CALLBACK_LIMIT_MS,
            "ms",
            f"median of {len(p99s)} windows, worst {max(p99s):.1f} ms; longest {longest_ms:.1f} "
            f"ms; {busy}",
        ),
        growth,
        Measurement(
            "lost pictures, best effort",
            100.0 * lost / max(1, soak.sent),
            LOST_LIMIT_PERCENT,
            "%",
            f"{lost} of {soak.sent}",
        ),
        Measurement("restarts of the model", restarts, 0, "restarts"),
        Measurement(
            "instructions without an answer",
            len(soak.failed),
            0,
            "instructions",
            f"of {soak.asked}" + "".join(f"; {text}" for text in soak.failed[:1]),
        ),
    ]


def _soak(stage: FaultStage, hours: float, ask_every_s: float) -> Soak:
    agent, camera = stage.agent(), CountingCamera(stage.camera())
    stage.until_answered()
    camera.begin_to_count()
    first = stage.received
    time.sleep(WARM_S)
    end_s = time.monotonic() + hours * S_PER_HOUR
    samples, failed, asked = [_sample(stage, agent)], list[str](), 0
    next_ask_s = time.monotonic()
    while time.monotonic() < end_s:
        camera.go_on()
        if time.monotonic() >= next_ask_s:
            next_ask_s = time.monotonic() + ask_every_s
            asked += 1
            told = stage.ask(**LOCALIZE)
            failed += [str(told)] if told.code != "NONE" else []
        samples.append(_sample(stage, agent))
        time.sleep(SAMPLE_EVERY_S)
    sent = camera.finish()
    received = stage.received - first
    return Soak(hours, tuple(samples), asked, tuple(failed), sent, received)


class CountingCamera:
    """A camera that is told to send so many pictures again and again, and says when it has."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._asked = 0  # rounds

    def begin_to_count(self) -> None:
        """Ends the stream; what it sent has arrived when this returns."""
        self._program.say("count 0")
        wait_until(lambda: self._done(0) == 1, "the camera to stop")
        time.sleep(SETTLE_S)
        self.go_on()

    def go_on(self) -> None:
        """Another round, if the last one is over. Often enough, the pictures hardly pause."""
        if self._done(ROUND) == self._asked:
            self._program.say(f"count {ROUND}")
            self._asked += 1

    def finish(self) -> int:
        """Waits for the round; how many were sent in all."""
        wait_until(lambda: self._done(ROUND) == self._asked, "the last pictures")
        time.sleep(SETTLE_S)
        return self._asked * ROUND

    def _done(self, pictures: int) -> int:
        return self._program.said().count(f"sent {pictures}")


def _sample(stage: FaultStage, agent: Program) -> SoakSample:
    pictures = stage.readings(PICTURES)
    times = psutil.Process(agent.pid).cpu_times()
    return SoakSample(
        time.monotonic(),
        agent.resident_bytes,
        times.user + times.system,
        float(pictures["callback p99 (ms)"]),
        float(pictures["callback longest (ms)"]),
        int(pictures["received"]),
        int(stage.readings("agent: model")["restarts"]),
        os.getloadavg()[0],
    )


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("soak", __doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--ask-every", type=float, default=ASK_EVERY_S, help="seconds")
    return parser.parse_args(argv)
