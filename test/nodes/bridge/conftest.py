"""A real bridge, real controllers' stand-ins, and somebody who sends plans. Real DDS."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

if importlib.util.find_spec("rclpy") is None:
    collect_ignore_glob = ["test_bridge_*.py"]  # needs the ROS environment of ./uio2
else:
    from nodes.agent_process import AgentProcess
    from nodes.bridge.sender import Sender

    BRIDGE = ("-m", "uio2_ros.nodes.bridge.node")
    PATIENT = {
        "max_age": 600.0,
        "tf_max_age": 600.0,
        "joint_state_timeout": 60.0,
        "goal__seconds": 60.0,
        "step_seconds": 600.0,
        "chunk__origin": "arrival",
    }
    """So that a busy machine makes nothing too old and nobody too late."""
    CONTROLLERS = (str(Path(__file__).with_name("stand_in_controllers.py")),)

    @pytest.fixture(scope="module")
    def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., AgentProcess]]:
        """start("bridge" or "controllers", parameter=value, ...); __ stands for a dot."""
        bridges: list[AgentProcess] = []
        with ExitStack() as stack:

            def start(what: str, **parameters: object) -> AgentProcess:
                program = BRIDGE if what == "bridge" else CONTROLLERS
                if what == "bridge":
                    parameters = {"follow": True, "dry_run": False, **PATIENT, **parameters}
                process = AgentProcess(tmp_path_factory.mktemp(what), program, **parameters)
                bridges.extend([process] if what == "bridge" else [])
                return stack.enter_context(process)

            yield start
        for process in bridges:
            assert "Traceback" not in process.log.read_text()

    @pytest.fixture(scope="module")
    def sender_of_module() -> Iterator[Sender]:
        with Sender() as sender:
            yield sender

    @pytest.fixture
    def sender(sender_of_module: Sender) -> Iterator[Sender]:
        """Who sends plans, with nothing remembered; afterwards nothing moves."""
        sender_of_module.rest()
        yield sender_of_module
        sender_of_module.rest()
