"""`./uio2 bench answers`: how long a small model takes to answer, from picture to parsed answer.

Held-out pictures of the simulator, in this process, no robot around. `new`: about a picture that it
has not seen; `again`: the same question about the same picture; both from submitting to the result.
Then many at once, each about another picture, against one after another. Exit code 1 if a limit is
exceeded; many at once have never been four times as many a second (benchmarks/NOTES.md).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from uio2_ros.cli.measurement import bench_parser, save
from uio2_ros.cli.options import at_least_one
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.time import to_ns
from uio2_ros.serving import Answerer, InProcess, ModelSpec
from uio2_ros.sim import Split, World, sample_episode
from uio2_ros.sim.truth import SceneTruth, observe

FIRST_SEED = 500
Question = tuple[Instruction, Observation]
LIMITS_MS = {"next_action": 60.0, "refexp": 40.0}
"""Of `new`, on two cores."""
LEAST_GAIN = 4.0
"""Of answers a second, many at once against one after another."""
MOST_WAIT = 3.0
"""The longest wait of many at once, in medians."""
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class AnswerTimes:
    """A task's answers: milliseconds as medians and 95th percentile, and how many a second."""

    task: str
    tokens: float
    new_ms: float
    new_p95_ms: float
    again_ms: float
    alone_per_s: float
    at_once: int
    at_once_per_s: float
    longest_wait: float
    """Of many at once, in medians."""

    @property
    def within_limits(self) -> bool:
        return (
            self.new_ms <= LIMITS_MS.get(self.task, float("inf"))
            and self.at_once_per_s >= LEAST_GAIN * self.alone_per_s
            and self.longest_wait <= MOST_WAIT
        )


def _label(truth: SceneTruth, _: str) -> str:
    return f"the {truth.objects[0].label}"


QUESTIONS: dict[str, Callable[[SceneTruth, str], str]] = {
    "next_action": lambda _, order: order,
    "plan": lambda _, order: order,
    "refexp": _label,
    "localize": lambda truth, _: truth.objects[0].label,
    "detect": lambda *_: "",
    "vqa": lambda *_: "How many objects are there?",
}
"""What is asked about a scene in which an order was given, by task."""


def questions(task: str, count: int) -> list[Question]:
    """One for each of so many pictures; no two tasks share one, since features are kept."""
    first = FIRST_SEED + 1000 * list(QUESTIONS).index(task)
    return [_question(task, first + number) for number in range(count)]


def _question(task: str, seed: int) -> Question:
    episode = sample_episode("put", seed, Split.HELD_OUT)
    with World(episode.scene) as world:
        truth = observe(world, episode.scene.cameras[0].name)
        frame = Frame(truth.colour, to_ns(world.time_s))
    text = QUESTIONS[task](truth, episode.instruction)
    return Instruction(text, task), Observation(image=frame, camera=truth.camera.model)


def measure(answerer: Answerer, task: str, asked: Sequence[Question]) -> AnswerTimes:
    """Alone, again and all at once; RuntimeError with the message of an answer that failed.

    The first of an odd number warms up. Half of the rest is asked alone, twice; then half at once.
    """
    _timed(answerer, asked[0])
    alone, others = asked[1::2], asked[2::2]
    new, again, tokens = [], [], []
    for one in alone:
        spent, count = _timed(answerer, one)
        new.append(spent)
        tokens.append(count)
        again.append(_timed(answerer, one)[0])
    waits = _all_at_once(answerer, others)
    return AnswerTimes(
        task,
        float(np.mean(tokens)),
        1e3 * float(np.median(new)),
        1e3 * float(np.quantile(new, 0.95)),
        1e3 * float(np.median(again)),
        1 / float(np.mean(new)),
        len(others),
        len(others) / max(waits),
        max(waits) / float(np.median(waits)),
    )


def _timed(answerer: Answerer, one: Question) -> tuple[float, int]:
    """Seconds and tokens of an answer."""
    began_s = time.perf_counter()
    answer = answerer.submit(*one, timeout_s=TIMEOUT_S).result()
    spent_s = time.perf_counter() - began_s
    return spent_s, _checked(answer).timings.tokens


def _all_at_once(answerer: Answerer, asked: Sequence[Question]) -> list[float]:
    """Seconds from asking until each of them was answered."""
    answers = answerer.submit_together(asked, timeout_s=TIMEOUT_S)
    return [_checked(answer.result()).timings.total for answer in answers]


def _checked(answer: Answer) -> Answer:
    if answer.error_code:
        raise RuntimeError(answer.error_msg)
    return answer


def main(argv: Sequence[str]) -> int:
    """0 if answers are within their limits."""
    options = _parse(argv)
    spec = ModelSpec(model=options.model, threads=options.threads)
    with InProcess.of(spec) as answerer:
        rows = [
            measure(answerer, task, questions(task, 1 + 2 * options.count))
            for task in options.tasks
        ]
    print(f"{options.model}, {options.threads} threads, {options.count} pictures")
    print(_table(rows))
    content = {"model": options.model, "threads": options.threads}
    save({**content, "rows": [asdict(row) for row in rows]}, options.json)
    return int(not all(row.within_limits for row in rows))


def _table(rows: Sequence[AnswerTimes]) -> str:
    head = f"{'task':<13}{'tokens':>7}{'new ms':>8}{'p95':>8}{'again':>8}{'alone /s':>10}"
    lines = [f"{head}{'at once /s':>12}{'longest wait':>14}"]
    for row in rows:
        times = f"{row.new_ms:>8.1f}{row.new_p95_ms:>8.1f}{row.again_ms:>8.1f}"
        rates = f"{row.alone_per_s:>10.1f}{row.at_once_per_s:>12.1f}{row.longest_wait:>14.1f}"
        lines.append(f"{row.task:<13}{row.tokens:>7.1f}{times}{rates}")
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("answers", __doc__)
    parser.add_argument("model", nargs="?", default="uio2-nano", help="a bundle or checkpoint")
    parser.add_argument(
        "--tasks", nargs="+", choices=tuple(QUESTIONS), default=["next_action", "refexp"]
    )
    parser.add_argument(
        "--count", type=at_least_one, default=16, help="pictures alone, and as many at once"
    )
    parser.add_argument("--threads", type=at_least_one, default=2, help="of torch")
    return parser.parse_args(argv)
