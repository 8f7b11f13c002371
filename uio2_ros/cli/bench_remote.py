"""`./uio2 bench remote`: a model behind a connection against one in a process here."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from uio2_ros.cli.bench_fleet import INSTRUCTIONS, observation
from uio2_ros.cli.server_process import START_S, ServerProcess
from uio2_ros.remote.pictures import PictureCodec
from uio2_ros.robot.answer import Progress
from uio2_ros.serving import Answerer, ModelProcess, ModelSpec

TIMEOUT_S = 60.0
MS = 1e3


@dataclass(frozen=True)
class AskedOnce:
    """One instruction, seconds: until the first token, until the answer, and in the model."""

    first_token_s: float
    total_s: float
    model_s: float


def ask(answerer: Answerer, number: int) -> AskedOnce:
    """Asks about a picture that was not seen before. RuntimeError if it is not answered."""
    first: list[float] = []

    def hear(progress: Progress) -> None:
        if progress.tokens and not first:
            first.append(time.monotonic())

    started = time.monotonic()
    answer = answerer.submit(
        INSTRUCTIONS[number % len(INSTRUCTIONS)],
        observation(number),
        timeout_s=TIMEOUT_S,
        on_progress=hear,
    ).result()
    ended = time.monotonic()
    if answer.error_code:
        raise RuntimeError(f"an instruction was not answered: {answer.error_msg}")
    times = answer.timings
    model_s = times.preprocess + times.encode + times.decode + times.postprocess
    return AskedOnce((first or [ended])[0] - started, ended - started, model_s)


def _line(name: str, asked: Sequence[AskedOnce], sent: str) -> str:
    first, total = (
        statistics.median(getattr(one, part) for one in asked) * MS
        for part in ("first_token_s", "total_s")
    )
    beside = statistics.median(one.total_s - one.model_s for one in asked) * MS
    return (
        f"{name:<12} first token {first:7.1f} ms  answer {total:7.1f} ms  "
        f"beside the model {beside:6.2f} ms  {sent}"
    )


def main(argv: Sequence[str]) -> int:
    """Medians of so many instructions, each about a new picture of 320 x 240."""
    parser = argparse.ArgumentParser(prog="./uio2 bench remote", description=__doc__)
    parser.add_argument("--model", default="uio2-nano")
    parser.add_argument("--count", type=int, default=30, help="instructions of each way")
    asked = parser.parse_args(argv)
    numbers = range(asked.count)
    print(f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} processor(s)")
    with ModelProcess(ModelSpec(asked.model)) as here:
        here.wait_ready(START_S)
        print(_line("here", [ask(here, number) for number in numbers], ""), flush=True)
    with ServerProcess(asked.model) as server:
        for codec in PictureCodec:
            with server.client("bench", pictures=codec) as there:
                before = there.status().counts.get("bytes_sent", 0)
                answers = [ask(there, number) for number in numbers]
                each = (there.status().counts["bytes_sent"] - before) / asked.count
                print(_line(codec.value, answers, f"{each:,.0f} bytes sent"), flush=True)
    return 0
