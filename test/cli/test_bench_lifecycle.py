"""Nothing remains of a lifecycle; the short form of `./uio2 bench lifecycle`."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rclpy")

from nodes.agent_process import private_domain

from uio2_ros.cli.bench_lifecycle import WARM, Holdings, cycles, judge
from uio2_ros.cli.faults.stage import FaultStage

HELD = Holdings(resident_bytes=200 * 2**20, threads=19, descriptors=23, children=0)
SHORT = 10


def test_growth_of_anything_fails() -> None:
    assert all(result.passes for result in judge([HELD] * 11, 10.0))
    grown = replace(HELD, resident_bytes=HELD.resident_bytes + 10 * 20 * 1024)
    assert [r.name for r in judge([HELD] * 10 + [grown], 10.0) if not r.passes] == [
        "memory, a cycle"
    ]
    for name in ("threads", "descriptors", "children"):
        more = replace(HELD, **{name: 99})
        assert [r.name for r in judge([HELD, more], 1.0) if not r.passes] == [name]


@pytest.mark.ros
def test_nothing_remains_of_a_few_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    private_domain(monkeypatch)
    with FaultStage() as stage:
        held, seconds = cycles(stage, SHORT)
    assert len(held) == SHORT + 1 < WARM + SHORT
    counted = [result for result in judge(held, seconds) if result.unit == "more"]
    assert [result for result in counted if not result.passes] == []
