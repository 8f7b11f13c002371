"""What benchmarks share: options, values with their limits, what they print and write."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from uio2_ros.cli.options import at_least_one


@dataclass(frozen=True)
class Measurement:
    """A value that must not exceed its limit, both in `unit`."""

    name: str
    value: float
    limit: float
    unit: str
    note: str = ""

    @property
    def passes(self) -> bool:
        return self.value <= self.limit

    @property
    def ratio(self) -> float | None:
        """Value over limit; None where the limit is zero."""
        return self.value / self.limit if self.limit else None


def bench_parser(suite: str, description: str | None) -> argparse.ArgumentParser:
    """The options of `./uio2 bench SUITE`, of which all have one: --json, for `save`."""
    parser = argparse.ArgumentParser(prog=f"./uio2 bench {suite}", description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured there")
    return parser


def add_torch_options(parser: argparse.ArgumentParser) -> None:
    """Those of benchmarks that run a network in this process."""
    parser.add_argument("--threads", type=at_least_one, help="of torch (default: its own choice)")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count the seconds that processors worked, where others share them; for one thread",
    )


def conclude(measurements: Sequence[Measurement], file: Path | None, **content: Any) -> int:
    """Prints the measurements, writes them to the file with what else there is to say, and judges:
    exit code 0 if all pass."""
    print(table(measurements))
    results = [{**asdict(one), "passes": one.passes} for one in measurements]
    save({**content, "results": results}, file)
    return int(not all(one.passes for one in measurements))


def save(content: Any, file: Path | None) -> None:
    """Writes JSON, if a file was asked for."""
    if file is not None:
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def conditions(options: argparse.Namespace) -> dict[str, Any]:
    """How busy the machine is, which is printed, and the options: what numbers depend on."""
    load = os.getloadavg()[0]
    print(f"load {load:.1f} on {len(os.sched_getaffinity(0))} processor(s)", flush=True)
    return {
        "load": load,
        **{name: value for name, value in vars(options).items() if name != "json"},
    }


def table(measurements: Sequence[Measurement]) -> str:
    """The measurements as lines of aligned columns."""
    rows = [("", "value", "limit", "ratio", "", ""), *map(_row, measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(item: Measurement) -> tuple[str, ...]:
    ratio = "" if item.ratio is None else f"{item.ratio:.2f}"
    value, limit = (f"{number:.4g} {item.unit}" for number in (item.value, item.limit))
    return item.name, value, limit, ratio, "pass" if item.passes else "FAIL", item.note


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, value, limit, ratio, verdict, note = row
    w = widths
    numbers = f"{value:>{w[1]}}  {limit:>{w[2]}}  {ratio:>{w[3]}}"
    return f"{name:<{w[0]}}  {numbers}  {verdict:<{w[4]}}  {note}".rstrip()
