"""One agent that sees, and a stand-in for the bridge, in a DDS domain of their own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from patience import patient

if importlib.util.find_spec("rclpy") is None or importlib.util.find_spec("py_trees") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from filmed_agent import filmed_agent
    from nodes.agent_process import AgentProcess, private_domain
    from nodes.robot import wait_until

    from trees.stand_in_bridge import StandInBridge
    from uio2_ros.trees import Robot

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

    @pytest.fixture(scope="module")
    def bridge_of_module() -> Iterator[StandInBridge]:
        stand_in = StandInBridge("stand_in")
        yield stand_in
        stand_in.close()

    @pytest.fixture
    def bridge(bridge_of_module: StandInBridge, robot: Robot) -> StandInBridge:
        """A bridge without controllers, and with nothing remembered."""
        bridge_of_module.begin()
        wait_until(robot.has_bridge, "the bridge")
        return bridge_of_module

    @pytest.fixture(scope="module")
    def robot(agent: AgentProcess, request: pytest.FixtureRequest) -> Iterator[Robot]:
        """What the behaviours act through; the module's BRIDGE_NAME is whom it obeys."""
        del agent
        with Robot(bridge=request.module.BRIDGE_NAME) as robot:
            assert robot.agent.wait_for_agent(patient(20))
            yield robot
