"""The environment of graphs that tests start."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bringup.running_graph import RunningGraph

from uio2_ros.cli.dds_domain import unused_domain

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def ros_environment() -> dict[str, str]:
    """A domain nobody else uses, this machine only."""
    return {
        **os.environ,
        "ROS_DOMAIN_ID": str(unused_domain()),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONPATH": f"{REPOSITORY}:{os.environ.get('PYTHONPATH', '')}",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def start_graph(ros_environment: dict[str, str]) -> Iterator[Callable[..., RunningGraph]]:
    graphs: list[RunningGraph] = []

    def start(*words: str) -> RunningGraph:
        mark = f"UIO2_TEST_GRAPH={os.getpid()}-{len(graphs)}-{time.monotonic_ns()}"
        name, _, value = mark.partition("=")
        graph = RunningGraph({**ros_environment, name: value}, *words)
        graph._mark = mark.encode()
        graphs.append(graph)
        return graph

    yield start
    for graph in graphs:
        for pid in graph.descendants():
            os.kill(pid, signal.SIGKILL)
        graph.process.kill()
        graph.process.wait()
