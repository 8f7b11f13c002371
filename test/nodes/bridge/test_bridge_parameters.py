"""The page of the bridge."""

from __future__ import annotations

from pathlib import Path

from uio2_ros.control import Cause

PAGE = (Path(__file__).parents[3] / "docs" / "controllers.md").read_text(encoding="utf-8")


def test_page_names_every_cause() -> None:
    assert [cause.name for cause in Cause if cause > Cause.UNKNOWN and cause.name not in PAGE] == []
