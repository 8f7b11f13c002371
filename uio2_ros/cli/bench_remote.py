"""`./uio2 bench remote`: a model behind a connection, and a slow one, against one here."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from uio2_ros.cli.bench_fleet import INSTRUCTIONS, observation
from uio2_ros.cli.emulated_link import EmulatedLink, LinkQuality
from uio2_ros.cli.measurement import bench_parser, conditions, save
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


@dataclass(frozen=True)
class WayReport:
    """Medians of one way to the model, in milliseconds; bytes sent for an instruction."""

    way: str
    first_token_ms: float
    total_ms: float
    beside_model_ms: float
    bytes_sent: float

    @staticmethod
    def of(way: str, asked: Sequence[AskedOnce], bytes_sent: float = 0.0) -> WayReport:
        """What so many instructions took."""
        first, total, beside = (
            MS * statistics.median(times)
            for times in (
                [one.first_token_s for one in asked],
                [one.total_s for one in asked],
                [one.total_s - one.model_s for one in asked],
            )
        )
        return WayReport(way, first, total, beside, bytes_sent)

    def __str__(self) -> str:
        sent = f"{self.bytes_sent:,.0f} bytes sent" if self.bytes_sent else ""
        return (
            f"{self.way:<16} first token {self.first_token_ms:7.1f} ms  "
            f"answer {self.total_ms:7.1f} ms  "
            f"beside the model {self.beside_model_ms:7.1f} ms  {sent}"
        )


def _remotely(server: ServerProcess, port: int, codec: PictureCodec, count: int) -> WayReport:
    """Over a port that leads to the server."""
    with server.client("bench", port=port, pictures=codec) as there:
        before = there.status().counts.get("bytes_sent", 0)
        asked = [ask(there, number) for number in range(count)]
        each = (there.status().counts["bytes_sent"] - before) / count
    way = codec.value if port == server.port else f"{codec.value}, slow link"
    return WayReport.of(way, asked, each)


def _parser() -> argparse.ArgumentParser:
    parser = bench_parser("remote", __doc__)
    parser.add_argument("--model", default="uio2-nano")
    parser.add_argument("--count", type=int, default=30, help="instructions of each way")
    link = parser.add_argument_group("the slow link, which a proxy here emulates")
    link.add_argument("--delay-ms", type=float, default=20.0, help="each way (default: 20)")
    link.add_argument("--megabits", type=float, default=10.0, help="a second (default: 10)")
    link.add_argument(
        "--loss", type=float, default=0.01, help="share of segments that come late (default: 0.01)"
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Medians of so many instructions, each about a new picture of 320 x 240."""
    asked = _parser().parse_args(argv)
    quality = LinkQuality(asked.delay_ms / MS, asked.megabits * 1e6, asked.loss)
    given = conditions(asked)
    ways: list[WayReport] = []

    def tell(report: WayReport) -> None:
        ways.append(report)
        print(report, flush=True)

    with ModelProcess(ModelSpec(asked.model)) as here:
        here.wait_ready(START_S)
        tell(WayReport.of("here", [ask(here, number) for number in range(asked.count)]))
    with ServerProcess(asked.model) as server, EmulatedLink(server.port, quality) as link:
        for port in (server.port, link.port):
            for codec in PictureCodec:
                tell(_remotely(server, port, codec, asked.count))
    save({**given, "ways": [asdict(one) for one in ways]}, asked.json)
    return 0
