"""A real agent in a process of its own, and a robot that shows it pictures over real DDS."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

if importlib.util.find_spec("rclpy") is None:
    # needs the ROS environment of ./uio2; the conversions of bare arrays do not
    collect_ignore_glob = [
        "test_adopting_subscription.py",
        "test_name_watch.py",
        "test_node_attributes.py",
        "agent/test_agent_*.py",
        "agent/test_lifecycle.py",
        "agent/test_answer_*.py",
        "agent/test_markers.py",
        "agent/test_rviz_config.py",
    ]
else:
    from nodes.agent_process import SCRIPTED_AGENT, AgentProcess, private_domain
    from nodes.robot import Robot

    @pytest.fixture(scope="module", autouse=True)
    def domain() -> Iterator[None]:
        """A DDS domain of this module and its processes, on this machine only."""
        with pytest.MonkeyPatch.context() as patch:
            private_domain(patch)
            yield

    @pytest.fixture(scope="module")
    def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentProcess]:
        """An active agent with synthetic weights, shared by the tests of a module."""
        with AgentProcess(tmp_path_factory.mktemp("agent"), SCRIPTED_AGENT) as process:
            process.wait_until_logged("active: ask")
            yield process

    @pytest.fixture
    def start_agent(tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
        """start_agent(parameter=value, ...): an agent of its own, or of a program given first."""
        with ExitStack() as stack:

            def start(*program: Sequence[str], **parameters: object) -> AgentProcess:
                return stack.enter_context(AgentProcess(tmp_path, *program, **parameters))

            yield start

    @pytest.fixture(scope="module")
    def robot_of_module() -> Iterator[Robot]:
        with Robot() as robot:
            yield robot

    @pytest.fixture
    def robot(robot_of_module: Robot) -> Robot:
        """The other side of the agent's topics and services, with nothing remembered."""
        robot_of_module.forget()
        return robot_of_module
