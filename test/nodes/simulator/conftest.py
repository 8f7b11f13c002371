"""A real simulator in a process of its own, one for each module, and somebody who watches it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

if importlib.util.find_spec("rclpy") is None:
    collect_ignore_glob = ["test_sim_*.py"]  # needs the ROS environment of ./uio2
else:
    from nodes.agent_process import AgentProcess
    from nodes.simulator.spectator import Spectator

    SIMULATOR = ("-m", "uio2_ros.nodes.simulator.node")
    SMALL = {"width": 96, "height": 72, "samples_per_pixel": 0}

    @pytest.fixture(scope="module")
    def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., AgentProcess]]:
        """start(parameter=value, ...) starts a simulator with small pictures."""
        processes: list[AgentProcess] = []
        with ExitStack() as stack:

            def start(**parameters: object) -> AgentProcess:
                folder = tmp_path_factory.mktemp("simulator")
                process = AgentProcess(folder, SIMULATOR, **{**SMALL, **parameters})
                processes.append(process)
                return stack.enter_context(process)

            yield start
        for process in processes:
            assert "Traceback" not in process.log.read_text()

    @pytest.fixture(scope="module")
    def spectator() -> Iterator[Spectator]:
        with Spectator() as spectator:
            yield spectator
