"""What a provoked fault came to, as lines for a terminal, JSON and Markdown. Standard library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST_SEEN = 150
"""Characters of a message that a table shows."""


@dataclass(frozen=True)
class FaultReport:
    """One fault: what was done, what who asked was told, and when all was well again."""

    fault: str
    code: str
    """Names of error codes, or an exit code."""
    seen: str
    """The message of the first error."""
    seen_s: float
    """Seconds from the fault to that message."""
    recovery: str
    """What brought it back: by itself, or what was corrected."""
    recovered_s: float
    """Seconds from the fault, or its correction, to the next right answer."""
    expected: tuple[str, ...]
    """Codes that are right."""

    @property
    def passes(self) -> bool:
        """Whether it was refused or reported as it should, and is over."""
        return self.code in self.expected

    @property
    def shown(self) -> str:
        """The message, on one line and not too long."""
        line = " ".join(self.seen.split())
        return line if len(line) <= LONGEST_SEEN else line[: LONGEST_SEEN - 4] + " ..."


def lines(reports: Sequence[FaultReport]) -> str:
    """For a terminal."""
    return "\n".join(
        f"{'pass' if one.passes else 'FAIL'}  {one.fault}\n"
        f"      {one.code} after {one.seen_s:.1f} s: {one.shown}\n"
        f"      {one.recovery}: {one.recovered_s:.1f} s"
        for one in reports
    )


def markdown(reports: Sequence[FaultReport]) -> str:
    """The table of the README."""
    rows = ["| fault | what is seen | code | seen after | well again |", "|---|---|---|---|---|"]
    rows += [
        f"| {one.fault} | {_escaped(one.shown)} | {one.code} | {one.seen_s:.1f} s | "
        f"{one.recovered_s:.1f} s, {one.recovery} |"
        for one in reports
    ]
    return "\n".join(rows) + "\n"


def save(reports: Sequence[FaultReport], file: Path) -> None:
    """Writes JSON; outcomes of other faults that the file has remain."""
    known = {one.fault: one for one in (load(file) if file.exists() else [])}
    known |= {one.fault: one for one in reports}
    content = {"faults": [asdict(one) for one in known.values()]}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(file: Path) -> list[FaultReport]:
    """What `save` wrote."""
    faults = json.loads(file.read_text(encoding="utf-8"))["faults"]
    return [FaultReport(**{**one, "expected": tuple(one["expected"])}) for one in faults]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
