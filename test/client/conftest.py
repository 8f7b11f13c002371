"""One agent in a domain of its own, and pictures for it."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("rclpy") is None:
    collect_ignore_glob = ["test_*.py"]  # needs the ROS environment of ./uio2
else:
    from nodes.agent_process import AgentProcess, private_domain
    from nodes.robot import Robot

    PERIOD_S = 0.2

    @pytest.fixture(scope="module", autouse=True)
    def domain() -> Iterator[None]:
        """A DDS domain of this module and its processes, on this machine only."""
        with pytest.MonkeyPatch.context() as patch:
            private_domain(patch)
            yield

    @pytest.fixture(scope="module")
    def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
        """An active agent that sees a picture five times a second."""
        over = threading.Event()
        with AgentProcess(tmp_path_factory.mktemp("agent")) as process, Robot() as robot:
            process.wait_until_logged("active: ask")

            def film() -> None:
                while not over.wait(PERIOD_S):
                    robot.show()

            camera = threading.Thread(target=film)
            camera.start()
            yield process
            over.set()
            camera.join()
