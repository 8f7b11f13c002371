"""What a soak is judged by."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rclpy")

from uio2_ros.cli.bench_soak import Soak, SoakSample, judge

STEADY = SoakSample(0.0, 200 * 2**20, 1.0, 1.0, 3.0, 0, 0, 0.5)
SAMPLES = tuple(
    replace(STEADY, time_s=5.0 * n, agent_cpu_s=1.0 + 0.1 * n, received=150 * n) for n in range(100)
)
GOOD = Soak(0.5, SAMPLES, asked=50, failed=(), sent=15000, received=15000)


def failing(soak: Soak) -> list[str]:
    return [result.name for result in judge(soak) if not result.passes]


def test_steady_agent_passes() -> None:
    assert failing(GOOD) == []
    assert "0.67 ms of processor time a picture" in judge(GOOD)[0].note


def test_each_thing_that_gets_worse_fails() -> None:
    leaking = tuple(
        replace(one, resident_bytes=one.resident_bytes + 10**5 * n) for n, one in enumerate(SAMPLES)
    )
    assert failing(replace(GOOD, samples=leaking)) == ["growth of the agent"]
    late = tuple(replace(one, callback_p99_ms=6.0) for one in SAMPLES)
    assert failing(replace(GOOD, samples=late)) == ["picture callback, p99"]
    assert failing(replace(GOOD, received=14900)) == ["lost pictures, best effort"]
    restarted = (*SAMPLES[:-1], replace(SAMPLES[-1], restarts=1))
    assert failing(replace(GOOD, samples=restarted)) == ["restarts of the model"]
    assert failing(replace(GOOD, failed=("TIMEOUT: late",))) == ["instructions without an answer"]
