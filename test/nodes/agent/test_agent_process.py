"""The agent's process: it ends when asked, with its parent, and not with its model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from nodes.agent_process import SCRIPTED_AGENT, AgentProcess
from nodes.robot import Robot, done, wait_until

from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


def inference_process(agent: AgentProcess) -> psutil.Process:
    """The process with the model: the one with the most memory."""
    children = psutil.Process(agent.pid).children(recursive=True)
    return max(children, key=lambda child: child.memory_info().rss)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_an_active_agent_and_its_model(
    start_agent: Callable[..., AgentProcess], robot: Robot, number: int
) -> None:
    agent = start_agent(SCRIPTED_AGENT)
    agent.wait_until_logged("active: ask")
    model = inference_process(agent)
    robot.show()
    robot.endless_order()
    assert agent.stop(number) == 0, agent.log.read_text()
    wait_until(lambda: not model.is_running(), "the inference process to end")
    wait_until(lambda: "agent" not in robot.node.get_node_names(), "the agent to leave")


def test_signal_ends_an_agent_that_loads(start_agent: Callable[..., AgentProcess]) -> None:
    agent = start_agent()
    agent.wait_until_logged("model loading")
    assert agent.stop() == 0, agent.log.read_text()
    assert "[ERROR]" not in agent.log.read_text()


def test_dead_parent_ends_agent_and_model(tmp_path: Path, robot: Robot) -> None:
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys, pathlib\n"
            "agent = subprocess.Popen([sys.executable, '-m', 'uio2_ros.nodes.agent.node'])\n"
            f"pathlib.Path({str(pid_file)!r}).write_text(str(agent.pid))\n"
            "agent.wait()",
        ]
    )
    try:
        assert robot.action.wait_for_server(60.0)
        wait_until(lambda: pid_file.exists() and bool(pid_file.read_text()), "the agent's number")
        agent = psutil.Process(int(pid_file.read_text()))
        wait_until(lambda: bool(agent.children()), "the inference process")
        family = [agent, *agent.children(recursive=True)]
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(map(_runs, family)), "the family to end")


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_killed_model_is_an_error_code_and_then_comes_back(
    agent: AgentProcess, robot: Robot
) -> None:
    robot.show()
    goal = robot.endless_order()
    os.kill(inference_process(agent).pid, signal.SIGKILL)
    failed = done(goal.get_result_async()).result.result
    assert ErrorCode(failed.error_code) is ErrorCode.INFERENCE_FAILED
    assert "killed" in failed.error_msg or "SIGKILL" in failed.error_msg
    robot.show()
    away = robot.ask("the cup", task="refexp")
    if away.error_code:
        assert ErrorCode(away.error_code) is ErrorCode.MODEL_NOT_READY
        assert "restarted" in away.error_msg

    def answers() -> bool:
        robot.show()
        return robot.ask("the cup", task="refexp").error_code == 0

    wait_until(answers, "the model to come back", 60.0)
