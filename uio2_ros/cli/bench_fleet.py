"""`./uio2 bench fleet`: many robots on one server against one robot asking alone."""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import asdict, dataclass, field

import numpy as np

from uio2_ros.cli.measurement import bench_parser, conditions, save
from uio2_ros.cli.server_process import ServerProcess
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.serving import Answerer

TIMEOUT_S = 30.0
PATIENCE_S = 10.0
"""Beyond the timeout, after which an instruction counts as never answered."""
RETRY_S = 0.05
"""Between two instructions of a robot that was refused by a model that is ready."""
LOOK_S = 1.0
"""How long a robot waits for a model that is not ready before it looks at the time again."""
WATCHER = "watcher"
"""Name of the client that sees when a server is back."""
SIZE = (240, 320)  # of the bundled model's cameras
INSTRUCTIONS = (
    Instruction("the red block", task="refexp"),
    Instruction("what is left of the bowl?", task="vqa"),
    Instruction("put the red block into the bowl", task="next_action"),
)


@dataclass
class FleetRobot:
    """What one robot was answered."""

    name: str
    seconds: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    unanswered: int = 0
    twice: int = 0


@dataclass(frozen=True)
class FleetReport:
    """A run of so many robots; seconds, and answers a second. `back_s`: from each start of a killed
    server until it answered again."""

    robots: int
    seconds: float
    asked: int
    answered: int
    per_second: float
    p50_s: float
    p95_s: float
    p99_s: float
    worst_robot_p99_s: float
    fewest: int
    most: int
    codes: dict[str, int]
    unanswered: int
    twice: int
    back_s: tuple[float, ...] = ()


def observation(number: int) -> Observation:
    """What a robot sees: a picture of its own, that of a table's size and structure."""
    chance = np.random.default_rng(number)
    blocks = chance.integers(0, 256, (SIZE[0] // 16, SIZE[1] // 16, 3), dtype=np.uint8)
    pixels = blocks.repeat(16, axis=0).repeat(16, axis=1)
    return Observation(image=Frame(np.ascontiguousarray(pixels), stamp_ns=number + 1))


def ask_for(robot: FleetRobot, answerer: Answerer, seconds: float, first: int = 0) -> None:
    """Asks one instruction after the other, each about a new picture, for so long; while the model
    is not ready it waits for it."""
    end, number = time.monotonic() + seconds, first
    while time.monotonic() < end:
        number += 1
        heard: list[Answer] = []

        def hear(done: Future[Answer], heard: list[Answer] = heard) -> None:
            heard.append(done.result(0))

        started = time.monotonic()
        pending = answerer.submit(
            INSTRUCTIONS[number % len(INSTRUCTIONS)], observation(number), timeout_s=TIMEOUT_S
        )
        pending.add_done_callback(hear)
        try:
            answer = pending.result(TIMEOUT_S + PATIENCE_S)
        except FutureTimeoutError:
            robot.unanswered += 1
            continue
        robot.codes[answer.error_code.name] += 1
        robot.twice += len(heard) > 1
        if answer.error_code is ErrorCode.NONE:
            robot.seconds.append(time.monotonic() - started)
        elif answer.error_code is ErrorCode.MODEL_NOT_READY:
            answerer.wait_ready(min(LOOK_S, max(0.0, end - time.monotonic())))
        else:
            time.sleep(RETRY_S)


def run(
    server: ServerProcess, count: int, seconds: float, restarts: int = 0, first: int = 0
) -> FleetReport:
    """So many robots at once, whose pictures are numbered from `first` on; meanwhile the server is
    killed and started again so many times, evenly."""
    robots = [FleetRobot(f"robot {n}") for n in range(count)]
    clients = [server.client(robot.name, max_backoff_s=0.5) for robot in robots]
    threads = [
        threading.Thread(target=ask_for, args=(robot, client, seconds, first + 1000 * n))
        for n, (robot, client) in enumerate(zip(robots, clients, strict=True))
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    back_s = []
    for number in range(restarts):
        time.sleep(max(0.0, started + (number + 0.5) * seconds / restarts - time.monotonic()))
        server.kill()
        killed = time.monotonic()
        server.start()
        server.client(WATCHER, backoff_s=0.02, max_backoff_s=0.1).close()
        back_s.append(time.monotonic() - killed)
    for thread in threads:
        thread.join()
    spent = time.monotonic() - started
    for client in clients:
        client.close()
    return _report(robots, spent, back_s)


def _report(
    robots: Sequence[FleetRobot], seconds: float, back_s: Sequence[float] = ()
) -> FleetReport:
    every = np.array([one for robot in robots for one in robot.seconds] or [np.nan])
    p50, p95, p99 = (float(np.percentile(every, share)) for share in (50, 95, 99))
    worst = max(
        float(np.percentile(robot.seconds, 99)) if robot.seconds else np.inf for robot in robots
    )
    counts = [len(robot.seconds) for robot in robots]
    codes = sum((robot.codes for robot in robots), Counter[str]())
    return FleetReport(
        robots=len(robots),
        seconds=seconds,
        asked=sum(codes.values()) + sum(robot.unanswered for robot in robots),
        answered=sum(counts),
        per_second=sum(counts) / seconds,
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
        worst_robot_p99_s=worst,
        fewest=min(counts),
        most=max(counts),
        codes=dict(codes),
        unanswered=sum(robot.unanswered for robot in robots),
        twice=sum(robot.twice for robot in robots),
        back_s=tuple(back_s),
    )


def _line(report: FleetReport) -> str:
    return (
        f"{report.robots:3d} robots  {report.per_second:6.2f} answers/s  "
        f"p50 {report.p50_s:.3f} s  p95 {report.p95_s:.3f} s  p99 {report.p99_s:.3f} s  "
        f"worst robot's p99 {report.worst_robot_p99_s:.3f} s  "
        f"answers of a robot {report.fewest} to {report.most}  {report.codes}"
    )


def _restarts_line(report: FleetReport) -> str:
    share = report.answered / report.asked if report.asked else 0.0
    return (
        f"{len(report.back_s)} restarts  back after {np.median(report.back_s):.1f} s  "
        f"answered {report.answered} of {report.asked} ({share:.0%})  "
        f"without an answer {report.unanswered}  answered twice {report.twice}\n{_line(report)}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = bench_parser("fleet", __doc__)
    parser.add_argument("--model", default="uio2-nano")
    parser.add_argument("--robots", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run (default: 60)")
    parser.add_argument(
        "--alone-seconds", type=float, default=20.0, help="of the run of one robot (default: 20)"
    )
    parser.add_argument(
        "--restarts",
        type=int,
        default=0,
        metavar="N",
        help="instead, kill the server and start it again N times under load",
    )
    parser.add_argument(
        "--period", type=float, default=12.0, help="seconds between two of them (default: 12)"
    )
    parser.add_argument("--concurrent", type=int, default=16)
    parser.add_argument("--processes", type=int, default=1, help="processes with a model each")
    return parser


def main(argv: Sequence[str]) -> int:
    """1 if a robot had no answer, or an instruction none or two."""
    asked = _parser().parse_args(argv)
    given = conditions(asked)
    options = ["--concurrent", str(asked.concurrent), "--queue-size", str(asked.robots)]
    options += ["--processes", str(asked.processes)]
    with ServerProcess(asked.model, *options) as server:
        if asked.restarts:
            runs = [run(server, asked.robots, asked.restarts * asked.period, asked.restarts)]
            told = {"answered": runs[0].answered / max(1, runs[0].asked)}
            print(_restarts_line(runs[0]))
        else:
            runs = [run(server, 1, asked.alone_seconds)]
            print(_line(runs[0]), flush=True)
            runs.append(run(server, asked.robots, asked.seconds, first=100_000))
            print(_line(runs[1]), flush=True)
            alone, fleet = (one.per_second for one in runs)
            told = {"ratio": fleet / alone if alone else 0.0}
            print(f"throughput {told['ratio']:.2f} times that of one robot alone")
    save({**given, **told, "runs": [asdict(one) for one in runs]}, asked.json)
    return int(any(one.fewest == 0 or one.unanswered or one.twice for one in runs))
