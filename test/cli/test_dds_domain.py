"""Who measures meets nobody: neither another run, nor a robot on the network."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

import uio2_ros
from uio2_ros.cli.dds_domain import keep_to_one_domain

PACKAGE = Path(uio2_ros.__file__).parent
CHOOSES = re.compile(r'"ROS_DOMAIN_ID"\s*[]:]')
STARTS = re.compile(r'"uio2_ros\.nodes\.')
MEASURES = re.compile(r"bench_|eval|faults/")


@pytest.fixture(autouse=True)
def a_robot_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose domain is everybody's default; the environment is restored afterwards."""
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")


def files_with(pattern: re.Pattern[str]) -> list[str]:
    return sorted(
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if pattern.search(file.read_text(encoding="utf-8"))
    )


def test_two_runs_and_a_robot_have_a_domain_each_on_this_machine() -> None:
    domains = {"42"}
    for _ in range(2):
        keep_to_one_domain()
        domains.add(os.environ["ROS_DOMAIN_ID"])
    assert len(domains) == 3
    assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


@pytest.mark.ros
@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="needs ROS")
def test_the_programs_of_a_stage_have_a_domain_of_their_own() -> None:
    from uio2_ros.cli.faults.stage import FaultStage

    with FaultStage():
        assert os.environ["ROS_DOMAIN_ID"] != "42"
        assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


def test_nobody_chooses_a_domain_by_other_means() -> None:
    assert files_with(CHOOSES) == ["cli/dds_domain.py"]


def test_all_that_start_nodes_to_measure_them_keep_to_one_domain() -> None:
    starting = [file for file in files_with(STARTS) if MEASURES.search(file)]
    keeping = {*files_with(re.compile(r"FaultStage\b|keep_to_one_domain\(\)"))}
    assert {"cli/bench_ros.py", "cli/bench_sim.py", "cli/eval_ros.py"} <= {*starting}
    assert [file for file in starting if file not in keeping] == []
