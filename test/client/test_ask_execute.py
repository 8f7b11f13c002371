"""`./uio2 ask --execute`: the answered plan goes to the bridge. Real DDS, a stand-in bridge."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodes.agent_process import AgentProcess
from nodes.robot import wait_until
from patience import patient
from trees.stand_in_bridge import StandInBridge

from uio2_ros.cli.ask import main
from uio2_ros.client import BridgeClient

pytestmark = pytest.mark.ros

MOVE = ("go to the door", "--bridge", "stand_in", "--execute")


@pytest.fixture(scope="module")
def bridge_of_module(agent: AgentProcess) -> Iterator[StandInBridge]:
    del agent
    stand_in = StandInBridge("stand_in")
    yield stand_in
    stand_in.close()


@pytest.fixture
def bridge(
    bridge_of_module: StandInBridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StandInBridge:
    monkeypatch.chdir(tmp_path)
    bridge_of_module.begin()
    return bridge_of_module


def test_the_plan_is_carried_out_and_its_steps_are_told(
    bridge: StandInBridge, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(MOVE) == 0
    (plan,) = bridge.plans
    assert (plan.action_space, bridge.outcomes) == ("pointnav", ["done"])
    said = capfd.readouterr().err
    assert "executing step 1 of 1" in said
    assert "executed  1 steps" in said


def test_why_it_was_not_carried_out_is_told(
    bridge: StandInBridge, capfd: pytest.CaptureFixture[str]
) -> None:
    bridge.behaviour = "fail"
    assert main(MOVE) == 1
    assert "the gripper is stuck [9213]" in capfd.readouterr().err


def test_an_answer_without_a_plan_moves_nothing(
    bridge: StandInBridge, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(("the cup", "--task", "refexp", "--bridge", "stand_in", "--execute")) == 1
    assert "this answer has no plan to carry out" in capfd.readouterr().err
    assert bridge.plans == []


def test_a_bridge_that_is_not_there_is_named(
    agent: AgentProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    del agent
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("uio2_ros.cli.ask_execute.DISCOVERY_S", 0.2)
    assert main(("go to the door", "--bridge", "nobody", "--execute")) == 2
    assert "there is no /nobody/execute; start it" in capfd.readouterr().err


def test_a_bridge_that_does_not_say_that_the_robot_stands_is_named(
    bridge: StandInBridge, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(BridgeClient, "close", lambda _: False)
    assert main(MOVE) == 0
    assert bridge.outcomes == ["done"]
    assert "/stand_in/execute has not said that the robot stands" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_stops_the_robot(
    bridge: StandInBridge, tmp_path: Path, number: signal.Signals
) -> None:
    bridge.behaviour = "endless"
    command = [sys.executable, "-m", "uio2_ros.cli", "ask", *MOVE]
    asking = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # may be ignored here
    )
    wait_until(lambda: bool(bridge.plans), "the plan", 60)
    asking.send_signal(number)
    _, said = asking.communicate(timeout=patient(20))
    assert (asking.returncode, "uio2 ask: cancelled" in said) == (130, True)
    wait_until(lambda: bridge.outcomes == ["stopped"], "the bridge to stop")
