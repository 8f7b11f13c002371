"""How the simulator's process begins and ends, also by force and without what it needs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from geometry_msgs.msg import PoseStamped
from nodes.agent_process import AgentProcess
from nodes.simulator.spectator import Spectator
from patience import patient
from uio2_ros.msg import SimulationState
from uio2_ros.srv import Instruct

pytestmark = pytest.mark.ros

POSES = ("pick_pose", "place_pose")
MODULE = (sys.executable, "-m", "uio2_ros.nodes.simulator.node")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_also_while_a_step_is_carried_out(
    start: Callable[..., AgentProcess], spectator: Spectator, number: int
) -> None:
    process = start(rate=0.1)
    try:
        pick, place = (spectator.publisher(name, PoseStamped) for name in POSES)
        at = PoseStamped()
        at.pose.position.x = 0.5

        def is_moving(state: SimulationState) -> bool:
            if not state.moving:
                pick(at)
                place(at)
            return state.moving

        spectator.wait_state(is_moving)
        code = process.stop(number)
    finally:
        process.process.kill()
    assert code == 0


def test_a_parameter_that_names_nothing_ends_it_with_one_sentence() -> None:
    words = [*MODULE, "--ros-args", "-p", "task:=fly"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=patient(60), check=False)
    assert ended.returncode == 1
    assert "no simulator task is called 'fly'; expected put" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_a_way_to_draw_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; from uio2_ros.sim import renderer\n"
        "def fail(*_): raise OSError('no EGL here')\n"
        "renderer.mujoco.GLContext = fail\n"
        "from uio2_ros.nodes.simulator.node import main; sys.exit(main())"
    )
    words = [sys.executable, "-c", code, "--ros-args", "-p", "camera:=front"]
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=patient(60), check=False, cwd=tmp_path
    )
    assert ended.returncode == 1
    assert "apt-get install libegl1" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_either_side_may_be_killed_and_comes_back(
    start: Callable[..., AgentProcess], spectator: Spectator, tmp_path: Path
) -> None:
    client = spectator.node.create_client(Instruct, "/agent/instruct")

    def ask() -> Any:
        assert client.wait_for_service(60.0)
        return client.call(Instruct.Request(instruction="put it there", task="vqa"), 60.0).result

    simulator = start(task="put")
    agents = [tmp_path / "first", tmp_path / "second"]
    for folder in agents:
        folder.mkdir()
    with AgentProcess(agents[0]) as agent:
        agent.wait_until_logged("active")
        assert _succeeds(ask)
        simulator.process.kill()
        simulator.process.wait()
        start(task="stack", seed=1)
        assert spectator.wait_state(lambda state: state.task == "stack").seed == 1
        assert _succeeds(ask)
        agent.process.kill()
        agent.process.wait()
    assert spectator.state().task == "stack"
    with AgentProcess(agents[1]) as agent:
        agent.wait_until_logged("active")
        assert _succeeds(ask)
    assert spectator.call("reset", task="put", seed=2).success


def _succeeds(ask: Callable[[], Any]) -> bool:
    """Within some tries: right after a start the agent has not seen a picture yet."""
    waiting = threading.Event()
    for _ in range(100):
        if ask().error_code == 0:
            return True
        waiting.wait(0.2)
    return False
