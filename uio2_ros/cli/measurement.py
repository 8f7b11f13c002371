"""What benchmarks print: a value, its limit, their ratio, and whether it passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
