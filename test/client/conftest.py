"""One agent in a domain of its own, and pictures for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("rclpy") is None:
    collect_ignore_glob = ["test_*.py"]  # needs the ROS environment of ./uio2
else:
    from filmed_agent import filmed_agent
    from nodes.agent_process import AgentProcess, private_domain

    @pytest.fixture(scope="package", autouse=True)
    def domain() -> Iterator[None]:
        """A DDS domain of this folder and its processes, on this machine only."""
        with pytest.MonkeyPatch.context() as patch:
            private_domain(patch)
            yield

    @pytest.fixture(scope="package")
    def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
        """An active agent that sees a picture five times a second."""
        with filmed_agent(tmp_path_factory.mktemp("agent")) as process:
            yield process
