"""`./uio2 bench tracks`: whether objects keep their ids over sequences in the simulator.

An arm carries objects about, or the camera drives past them; with true boxes, with and without the
objects' names, and, if asked for, with those that a model finds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from uio2_ros.cli.measurement import bench_parser, save
from uio2_ros.evaluation.tracks import (
    ARM_TASKS,
    DRIVE_TASKS,
    STABLE,
    SequencePicture,
    Stability,
    lives,
    model_answers,
    sequence,
    true_answers,
)
from uio2_ros.robot.answer import Answer

MOST_PICTURES = 60
KINDS = {"arm": ARM_TASKS, "drive": DRIVE_TASKS}
Look = Callable[[Sequence[SequencePicture]], Iterator[Answer]]


@dataclass(frozen=True)
class TrackRow:
    """One kind of sequences, at one rate, with one kind of boxes."""

    kind: str
    boxes: str
    rate_hz: float
    sequences: int
    objects: int
    shown: int
    found: int
    same: float
    """Of all times that an object was found, the part with its id."""
    stable: float
    """Objects with one id for `STABLE` of their life."""


def main(argv: Sequence[str]) -> int:
    """0 if objects keep their ids for `STABLE` of their lives, going by true boxes."""
    options = _parse(argv)
    looks: dict[str, Look] = {
        "true, named": lambda pictures: true_answers(pictures, named=True),
        "true": lambda pictures: true_answers(pictures, named=False),
    }
    if options.model:
        from uio2_ros.serving import InProcess, ModelSpec

        answerer = InProcess.of(ModelSpec(model=options.model))
        looks[options.model] = lambda pictures: model_answers(pictures, answerer)
    rows = [row for rate in options.rates for row in _rows(looks, options, rate)]
    print(_table(rows))
    save({"first_seed": options.first, "rows": [asdict(row) for row in rows]}, options.json)
    return int(any(row.same < STABLE for row in rows if row.boxes != options.model))


def _rows(
    looks: dict[str, Look], options: argparse.Namespace, rate_hz: float
) -> Iterator[TrackRow]:
    for kind, tasks in KINDS.items():
        sequences = [
            sequence(tasks[number % len(tasks)], options.first + number, rate_hz, MOST_PICTURES)
            for number in range(options.sequences)
        ]
        for boxes, look in looks.items():
            found = [lives(pictures, look(pictures)) for pictures in sequences]
            stability = Stability(
                tuple(life for of_one, _ in found for life in of_one),
                sum(shown for _, shown in found),
            )
            yield TrackRow(
                kind,
                boxes,
                rate_hz,
                len(sequences),
                len(stability.lives),
                stability.shown,
                stability.found,
                stability.same,
                stability.stable,
            )


def _table(rows: Sequence[TrackRow]) -> str:
    head = f"{'sequences':<12}{'boxes':<13}{'Hz':>4}{'objects':>9}{'shown':>7}{'found':>7}"
    lines = [f"{head}{'same id':>9}{f'{STABLE:.0%} of life':>13}"]
    for row in rows:
        numbers = f"{row.rate_hz:>4g}{row.objects:>9}{row.shown:>7}{row.found:>7}"
        kind = f"{row.sequences} {row.kind}"
        lines.append(f"{kind:<12}{row.boxes:<13}{numbers}{row.same:>9.1%}{row.stable:>13.1%}")
    return "\n".join(lines)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = bench_parser("tracks", __doc__)
    parser.add_argument("--sequences", type=int, default=20, help="of each kind")
    parser.add_argument("--first", type=int, default=100, help="seed of the first")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=[2.0, 5.0], help="Hz of the pictures"
    )
    parser.add_argument("--model", default="", help="also with the boxes of this one: uio2-nano")
    return parser.parse_args(argv)
