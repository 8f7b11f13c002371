"""Provoked faults are reported as they were, and each scenario is there."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from uio2_ros.cli import bench_faults
from uio2_ros.cli.bench_faults import SCENARIOS, main
from uio2_ros.cli.faults.report import FaultReport, lines, load, markdown, save

ROOT = Path(__file__).parents[2]
LOST = FaultReport(
    fault="camera lost",
    code="STALE_INPUT",
    seen="the newest picture\nis old",
    seen_s=1.26,
    recovery="camera started again",
    recovered_s=0.41,
    expected=("STALE_INPUT",),
)


def test_fault_passes_if_its_code_is_the_right_one() -> None:
    assert LOST.passes
    assert lines([LOST]).startswith("pass  camera lost")
    assert lines([replace(LOST, code="UNKNOWN")]).startswith("FAIL")


def test_table_has_a_row_a_fault_with_its_message_on_one_line() -> None:
    row = markdown([LOST]).splitlines()[-1]
    expected = "| camera lost | the newest picture is old | STALE_INPUT | 1.3 s |"
    assert row == f"{expected} 0.4 s, camera started again |"


def test_outcome_replaces_that_of_the_same_fault_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    other = replace(LOST, fault="disk full")
    save([LOST, other], file)
    again = replace(LOST, recovered_s=9.0)
    save([again], file)
    assert load(file) == [again, other]


def test_scenario_that_is_unknown_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["flood"])
    assert "no scenario is called flood" in capsys.readouterr().err


def test_scenario_that_fails_is_a_failure_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = {"killed": "exit code 1", "camera_lost": LOST}
    monkeypatch.setattr(bench_faults, "_in_process", lambda name: outcomes[name])
    assert main(["killed", "camera_lost"]) == 1
    shown = capsys.readouterr().out
    assert "FAIL  killed: exit code 1" in shown
    assert "pass  camera lost" in shown


def test_every_fault_that_is_told_in_the_readme_is_over() -> None:
    told = load(ROOT / "benchmarks" / "faults.json")
    assert len(told) == len(SCENARIOS)
    assert [one.fault for one in told if not one.passes] == []


@pytest.mark.ros
@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="needs ROS")
def test_every_scenario_is_there() -> None:
    for name, module in SCENARIOS.items():
        assert getattr(importlib.import_module(f"uio2_ros.cli.faults.{module}"), name).__doc__


@pytest.mark.ros
@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="needs ROS")
def test_lost_camera_is_reported_by_a_real_agent(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    assert main(["camera_lost", "--json", str(file)]) == 0
    (outcome,) = load(file)
    assert outcome.code == "STALE_INPUT"
    assert "check that its source still publishes" in outcome.seen
