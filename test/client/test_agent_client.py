"""Asking from Python: answers, progress, cancellation, and agents that are not there."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from action_msgs.msg import GoalStatus
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, wait_until
from rclpy.executors import SingleThreadedExecutor
from uio2_ros.action import Instruct
from uio2_ros.msg import InstructionResult

from uio2_ros.client import AgentClient, AgentUnavailableError, Progress
from uio2_ros.client.agent_client import PendingAnswer, _on_result
from uio2_ros.errors import ErrorCode, InstructionError
from uio2_ros.tasks.instruction import Box

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def client(agent: AgentProcess) -> Iterator[AgentClient]:
    del agent
    with AgentClient() as client:
        assert client.wait_for_agent(20)
        wait_until(lambda: sees(client), "the first picture")
        yield client


def sees(client: AgentClient) -> bool:
    try:
        client.ask("the cup", task="refexp")
    except InstructionError as error:
        if error.code is not ErrorCode.NO_INPUT:
            raise
        return False
    return True


def test_answer(client: AgentClient) -> None:
    result = client.ask("the cup", task="refexp")
    assert result.text == "the cup"
    assert result.header.frame_id == "camera_optical_frame"


def test_everything_that_can_be_asked_arrives(client: AgentClient) -> None:
    result = client.ask(
        "what is at {box}?",
        task="vqa",
        options=("cup", "plate"),
        region=Box(1, 2, 30, 40),
        max_age_s=60,
        timeout_s=20,
    )
    assert list(result.options) == ["cup", "plate"]
    assert len(result.scores) == 2


def test_progress_is_told(client: AgentClient) -> None:
    heard: list[Progress] = []
    client.ask("the cup", task="localize", on_progress=heard.append)
    assert len(heard) > 4
    assert heard[-1].tokens > 4
    assert heard[-1].elapsed_s > 0


def test_failure_is_an_exception_with_its_code(client: AgentClient) -> None:
    with pytest.raises(InstructionError, match="no task is called 'nope'") as caught:
        client.ask("look", task="nope")
    assert caught.value.code is ErrorCode.UNKNOWN_TASK


@pytest.mark.parametrize("error", [ValueError("mine"), TimeoutError("mine")])
def test_what_progress_raises_reaches_the_caller(client: AgentClient, error: Exception) -> None:
    def fail(progress: Progress) -> None:
        del progress
        raise error

    with pytest.raises(type(error), match="mine"):
        client.ask("the cup", task="localize", on_progress=fail)
    assert client.ask("the cup", task="refexp").text == "the cup"


def test_seed_of_more_than_64_bits_is_refused(client: AgentClient) -> None:
    with pytest.raises(InstructionError, match="the seed is") as caught:
        client.ask("the cup", task="refexp", seed=2**63)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert client.ask("the cup", task="refexp", seed=2**63 - 1).error_code == 0


@pytest.mark.parametrize(("namespace", "name"), [("le ft", "agent"), ("", "x-y"), ("a//b", "c d")])
def test_name_that_no_agent_can_have(namespace: str, name: str) -> None:
    with pytest.raises(AgentUnavailableError, match="cannot be the name of an agent"):
        AgentClient(name=name, namespace=namespace)


def test_goal_that_the_agent_has_forgotten_is_no_empty_answer(client: AgentClient) -> None:
    pending = client.send("the cup", task="localize")
    forgotten = Instruct.Impl.GetResultService.Response(status=GoalStatus.STATUS_UNKNOWN)
    _on_result(forgotten, pending)
    with pytest.raises(InstructionError, match="restarted"):
        pending.result(5)
    pending.cancel()


def test_pending_answer_can_be_watched_and_cancelled(client: AgentClient) -> None:
    pending = client.send("the cup", task="localize")
    assert not pending.done()
    with pytest.raises(TimeoutError, match="within"):
        pending.result(0.01)
    wait_until(lambda: pending.progress is not None and pending.progress.tokens > 2, "tokens")
    pending.cancel()
    with pytest.raises(InstructionError) as caught:
        pending.result(5)
    assert caught.value.code is ErrorCode.CANCELED
    assert pending.done()


def test_cancelling_at_once_is_not_too_early(client: AgentClient) -> None:
    pending = client.send("the cup", task="localize")
    pending.cancel()
    with pytest.raises(InstructionError) as caught:
        pending.result(10)
    assert caught.value.code is ErrorCode.CANCELED


def test_interrupted_before_the_goal_is_accepted(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(pending: PendingAnswer) -> None:
        del pending
        raise KeyboardInterrupt

    del client
    monkeypatch.setattr(PendingAnswer, "result", interrupt)
    with Robot() as robot:
        robot.listen("/agent/result", InstructionResult)
        with AgentClient() as hasty:
            assert hasty.wait_for_agent(20)
            with pytest.raises(KeyboardInterrupt):
                hasty.ask("the cup", task="localize")
        assert robot.heard("/agent/result").error_code == ErrorCode.CANCELED


def test_a_node_that_is_spun_elsewhere(client: AgentClient) -> None:
    del client
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("tree", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    with AgentClient(node=node) as guest:
        wait_until(lambda: guest.wait_for_agent(0.1), "the agent")
        pending = guest.send("the cup", task="refexp")
        end_s = time.monotonic() + 20
        while not pending.done() and time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.05)
        assert pending.result(0).text == "the cup"
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


def test_nobody_there() -> None:
    with AgentClient(name="nobody", namespace="/far/away") as client:
        assert client.agent == "/far/away/nobody"
        assert not client.wait_for_agent(0.2)
        with pytest.raises(AgentUnavailableError, match="no /far/away/nobody"):
            client.ask("hello")


def test_an_agent_that_ends_does_not_leave_its_client_waiting(client: AgentClient) -> None:
    """With another agent, under another name."""
    del client
    command = [sys.executable, "-m", "uio2_ros.nodes.agent", "--ros-args"]
    command += ["-r", "__node:=mortal", "-p", "autostart:=false"]
    process = subprocess.Popen(command)
    with AgentClient(name="mortal") as mortal:
        assert mortal.wait_for_agent(20)
        process.send_signal(signal.SIGSTOP)  # it cannot answer any more
        pending = mortal.send("hello")
        ended = threading.Timer(0.5, process.kill)
        ended.start()
        process.send_signal(signal.SIGCONT)
        with pytest.raises((AgentUnavailableError, InstructionError)):
            pending.result(60)
    process.kill()
    process.wait()
