"""An agent whose model is behind a connection, and what it does when the server dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, wait_until

from uio2_ros.cli.server_process import ServerProcess
from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros
HERE, THERE = "synthetic:tiny", "uio2-nano"


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(THERE) as server:
        yield server


def test_the_fallback_answers_while_the_server_is_gone(
    server: ServerProcess, start_agent: Callable[..., AgentProcess], robot: Robot
) -> None:
    agent = start_agent(model=server.uri, fallback=HERE, remote__max_backoff=0.2)
    agent.wait_until_logged("active: ask")

    def model_that_answers() -> str:
        """Empty while none does: the fallback may still be loading."""
        robot.show()
        result = robot.ask("the red block", task="refexp")
        wanted = (ErrorCode.NONE, ErrorCode.MODEL_NOT_READY)
        assert ErrorCode(result.error_code) in wanted, result.error_msg
        return str(result.model)

    wait_until(lambda: THERE in model_that_answers(), "the server to answer")
    server.kill()
    wait_until(lambda: "synthetic" in model_that_answers(), "the fallback to answer")
    server.start()
    wait_until(lambda: THERE in model_that_answers(), "the server to answer again")
