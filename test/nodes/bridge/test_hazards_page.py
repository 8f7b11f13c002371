"""docs/hazards.md: each row names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROWS = [
    line.strip().strip("|").split("|")
    for line in (ROOT / "docs" / "hazards.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "`test_" in line
]


def test_every_row_has_a_hazard_its_cause_and_what_prevents_it() -> None:
    assert len(ROWS) > 10
    assert [row for row in ROWS if len(row) != 4 or not all(map(str.strip, row))] == []


def test_every_test_that_is_named_is_there() -> None:
    sources = "\n".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "test").rglob("test_*.py")
    )
    named = {name for row in ROWS for name in re.findall(r"`(test_\w+)`", row[3])}
    assert {name for name in named if f"def {name}(" not in sources} == set()
