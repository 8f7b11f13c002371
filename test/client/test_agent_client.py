"""Asking from Python: answers, progress, cancellation, and agents that are not there."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import rclpy
from action_msgs.msg import GoalStatus
from nodes.agent_process import AgentProcess
from nodes.robot import Robot, wait_until
from nodes.scripted_model import ENDLESS
from patience import patient
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from uio2_ros.action import Instruct
from uio2_ros.msg import InstructionResult

from uio2_ros.client import (
    AgentClient,
    AgentError,
    AgentTimeoutError,
    AgentUnavailableError,
    Progress,
)
from uio2_ros.client.agent_client import PendingAnswer, _on_result
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def client(agent: AgentProcess) -> Iterator[AgentClient]:
    del agent
    with AgentClient() as client:
        assert client.wait_for_agent(patient(20))
        wait_until(lambda: sees(client), "the first picture")
        yield client


def sees(client: AgentClient) -> bool:
    try:
        client.ask("the cup", task="refexp")
    except AgentError as error:
        if error.code is not ErrorCode.NO_INPUT:
            raise
        return False
    return True


def test_answer(client: AgentClient) -> None:
    result = client.ask("the cup", task="refexp")
    assert result.text == "the cup"
    assert result.frame_id == "camera_optical_frame"
    assert result.stamp_ns > 0
    assert result.message.header.frame_id == "camera_optical_frame"


def test_everything_that_can_be_asked_arrives(client: AgentClient) -> None:
    result = client.ask(
        "what is at {box}?",
        task="vqa",
        options=("cup", "plate"),
        region=Box(1, 2, 30, 40),
        max_age_s=60,
        timeout_s=patient(20),
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
    with pytest.raises(AgentError, match="no task is called 'nope'") as caught:
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
    with pytest.raises(AgentError, match="the seed is") as caught:
        client.ask("the cup", task="refexp", seed=2**63)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert client.ask("the cup", task="refexp", seed=2**63 - 1).error_code == 0


@pytest.mark.parametrize(("namespace", "name"), [("le ft", "agent"), ("", "x-y"), ("a//b", "c d")])
def test_name_that_no_agent_can_have(namespace: str, name: str) -> None:
    with pytest.raises(AgentUnavailableError, match="cannot be the name of an agent"):
        AgentClient(name=name, namespace=namespace)


def test_goal_that_the_agent_has_forgotten_is_no_empty_answer(client: AgentClient) -> None:
    pending = client.ask_async("the cup", task="localize")
    forgotten = Instruct.Impl.GetResultService.Response(status=GoalStatus.STATUS_UNKNOWN)
    _on_result(forgotten, pending)
    with pytest.raises(AgentError, match="restarted"):
        pending.result(patient(5))


@pytest.mark.parametrize("lost", [("goal",), ("result",), ("goal", "result")])
def test_answer_comes_though_replies_are_lost(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch, lost: tuple[str, ...]
) -> None:
    """As Fast DDS loses those of a server that has not yet discovered the client."""
    monkeypatch.setattr("uio2_ros.client.action_goal.REPLY_S", 0.3)
    to_lose = list(lost)
    execute = client._client.execute

    async def lossy(taken: dict[str, Any]) -> None:
        for part in [part for part in to_lose if part in taken]:
            to_lose.remove(part)
            del taken[part]
        await execute(taken)

    monkeypatch.setattr(client._client, "execute", lossy)
    assert client.ask_async("the cup", task="localize").result(patient(20)).detections
    assert not to_lose


def test_answers_come_though_a_callback_on_the_clients_thread_has_failed() -> None:
    with AgentClient() as agent_client:
        assert agent_client.wait_for_agent(patient(20))
        failed = threading.Event()

        def fail() -> None:
            if not failed.is_set():
                failed.set()
                raise RuntimeError("of somebody's subscription")

        agent_client.node.create_timer(0.01, fail)
        assert failed.wait(patient(10))
        assert agent_client.ask("the cup", task="localize", timeout_s=20).detections


def test_cancelled_though_the_reply_to_the_goal_is_lost(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uio2_ros.client.action_goal.REPLY_S", 0.3)
    execute = client._client.execute

    async def lossy(taken: dict[str, Any]) -> None:
        taken.pop("goal", None)
        await execute(taken)

    monkeypatch.setattr(client._client, "execute", lossy)
    pending = client.ask_async(ENDLESS)
    wait_until(lambda: pending.progress is not None, "feedback")
    pending.cancel()
    error = pending.exception(patient(20))
    assert isinstance(error, AgentError)
    assert error.code is ErrorCode.CANCELED


def test_pending_answer_can_be_watched_and_cancelled(client: AgentClient) -> None:
    pending = client.ask_async(ENDLESS)
    with pytest.raises(AgentTimeoutError, match="within"):
        pending.result(0.01)
    wait_until(lambda: pending.progress is not None and pending.progress.tokens > 2, "tokens")
    assert not pending.done()
    pending.cancel()
    with pytest.raises(AgentError) as caught:
        pending.result(patient(5))
    assert caught.value.code is ErrorCode.CANCELED
    assert pending.done()


def test_what_is_cancelled_before_it_is_sent_ends(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = client._begin

    def begin_and_cancel(pending: PendingAnswer[Any], action: ActionClient) -> None:
        begin(pending, action)
        pending.cancel()  # as `close` does on another thread

    monkeypatch.setattr(client, "_begin", begin_and_cancel)
    error = client.ask_async(ENDLESS).exception(patient(20))
    assert isinstance(error, AgentError)
    assert error.code is ErrorCode.CANCELED


def test_cancelling_at_once_is_not_too_early(client: AgentClient) -> None:
    pending = client.ask_async(ENDLESS)
    pending.cancel()
    with pytest.raises(AgentError) as caught:
        pending.result(patient(10))
    assert caught.value.code is ErrorCode.CANCELED


def test_interrupted_before_the_goal_is_accepted(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(pending: PendingAnswer[object]) -> None:
        del pending
        raise KeyboardInterrupt

    del client
    monkeypatch.setattr(PendingAnswer, "result", interrupt)
    with Robot() as robot:
        robot.listen_until_heard(
            {"/agent/result": InstructionResult}, partial(robot.ask, task="no such task")
        )
        with AgentClient() as hasty:
            assert hasty.wait_for_agent(patient(20))
            with pytest.raises(KeyboardInterrupt):
                hasty.ask(ENDLESS)
        robot.heard("/agent/result", lambda said: said.error_code == ErrorCode.CANCELED)


def test_ctrl_c_while_rclpy_sends_the_goal_leaves_none_behind(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What rclpy notes after it has sent a goal is what the goal is cancelled by."""
    send = ActionClient.send_goal_async

    def send_and_interrupt(*arguments: Any, **options: Any) -> Any:
        sent = send(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return sent

    del client
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored here
    try:
        with Robot() as robot:
            robot.listen_until_heard(
                {"/agent/result": InstructionResult}, partial(robot.ask, task="no such task")
            )
            with AgentClient() as hasty:
                assert hasty.wait_for_agent(patient(20))
                monkeypatch.setattr(ActionClient, "send_goal_async", send_and_interrupt)
                with pytest.raises(KeyboardInterrupt):
                    hasty.ask(ENDLESS)
            robot.heard("/agent/result", lambda said: said.error_code == ErrorCode.CANCELED)
    finally:
        signal.signal(signal.SIGINT, handler)


def test_rclpy_is_asked_on_the_thread_that_hears_its_replies(
    client: AgentClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rclpy 7 throws a reply away that is taken before the asking thread has noted its question."""
    threads: set[tuple[str, str]] = set()

    def watched(name: str) -> Any:
        ask = getattr(ActionClient, name)

        def noting(*arguments: Any, **options: Any) -> Any:
            threads.add((name, threading.current_thread().name))
            return ask(*arguments, **options)

        return noting

    asking = ("send_goal_async", "_get_result_async", "_cancel_goal_async")
    for name in asking:
        monkeypatch.setattr(ActionClient, name, watched(name))
    pending = client.ask_async(ENDLESS)
    wait_until(lambda: pending.progress is not None, "the goal to be taken")
    pending.cancel()
    assert isinstance(pending.exception(patient(10)), AgentError)
    assert threads == {(name, "agent_client") for name in asking}


def test_waiting_in_a_callback_of_another_executor_is_safe(client: AgentClient) -> None:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("tree", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    heard: list[str] = []
    node.create_timer(0.01, lambda: heard.append(client.ask("the cup", task="refexp").text))
    end_s = time.monotonic() + patient(20)
    while not heard and time.monotonic() < end_s:
        executor.spin_once(timeout_sec=0.05)
    assert heard[0] == "the cup"
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


def test_waiting_on_the_clients_own_thread_is_refused_and_not_endless(client: AgentClient) -> None:
    def ask_more(progress: Progress) -> None:
        del progress
        client.ask("the spoon", task="refexp")

    with pytest.raises(RuntimeError, match="own thread"):
        client.ask("the cup", task="localize", on_progress=ask_more)
    with pytest.raises(RuntimeError, match="receives the answer"):
        client.ask(
            "the cup",
            task="localize",
            on_progress=lambda _: client.ask_async("the spoon", task="refexp").result(),
        )


def test_part_of_the_answer_that_matters(client: AgentClient) -> None:
    assert client.locate("the cup").label == "the cup"
    assert all(found.label == "cup" for found in client.localize("cup"))
    assert isinstance(client.vqa("what is it?", ("cup", "plate")), str)
    assert set(client.score("what is it?", ("cup", "plate"))) == {"cup", "plate"}
    assert client.next_action("put it away", seed=1).start is not None
    assert client.plan("put it away").frame_id == "base_link"
    assert client.navigate("to the door").name


def test_asking_without_waiting(client: AgentClient) -> None:
    pending = [client.locate_async(what) for what in ("the cup", "the spoon")]
    heard: list[str] = []
    pending[1].add_done_callback(lambda done: heard.append(done.result().label))
    assert [each.result(patient(30)).label for each in pending] == ["the cup", "the spoon"]
    wait_until(lambda: heard == ["the spoon"], "the callback")


def test_answers_can_be_awaited_and_awaiting_can_be_cancelled(client: AgentClient) -> None:
    async def ask_twice() -> list[str]:
        both = (client.locate_async(what) for what in ("the cup", "the spoon"))
        return [found.label for found in await asyncio.gather(*both)]

    async def lose_patience() -> PendingAnswer[object]:
        pending = client.ask_async(ENDLESS)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pending, 0.05)
        return pending

    assert asyncio.run(ask_twice()) == ["the cup", "the spoon"]
    left = asyncio.run(lose_patience())
    error = left.exception(patient(10))
    assert isinstance(error, AgentError)
    assert error.code is ErrorCode.CANCELED


def test_awaiting_outside_asyncio_says_what_to_do(client: AgentClient) -> None:
    pending = client.locate_async("the cup")
    with pytest.raises(RuntimeError, match="result_of"):
        pending.__await__()
    pending.result(patient(20))


def test_tasks_are_listed_and_histories_cleared(client: AgentClient) -> None:
    assert {task.name for task in client.list_tasks()} >= {"", "refexp", "plan"}
    client.clear_history()
    wait_until(lambda: sees(client), "a picture after clearing")


def test_closing_cancels_and_leaves_nothing(client: AgentClient) -> None:
    before = set(threading.enumerate())
    with AgentClient() as brief:
        assert brief.wait_for_agent(patient(20))
        pending = brief.ask_async(ENDLESS)
    error = pending.exception(0)
    assert isinstance(error, AgentError)
    assert error.code is ErrorCode.CANCELED
    assert set(threading.enumerate()) == before
    with pytest.raises(AgentUnavailableError, match="is closed"):
        brief.ask_async("the cup")
    brief.close()
    assert client.ask("the cup", task="refexp").text == "the cup"


@pytest.mark.parametrize("name", ["timeout_s", "max_age_s"])
def test_times_that_are_none_are_refused(client: AgentClient, name: str) -> None:
    with pytest.raises(AgentError, match=f"{name} is nan"):
        client.ask("the cup", **{name: float("nan")})


def test_a_blocking_call_waits_for_the_very_action_that_it_needs() -> None:
    tries = []

    def submit() -> Any:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise AgentUnavailableError("its action is not discovered yet")
        return SimpleNamespace(result=lambda: "answered")

    def never() -> Any:
        raise AgentUnavailableError("nobody comes")

    with AgentClient(name="nobody", discovery_s=patient(5)) as client:
        assert client.wait_for(submit) == "answered"
    with (
        AgentClient(name="nobody", discovery_s=0.2) as client,
        pytest.raises(AgentUnavailableError, match="nobody comes"),
    ):
        client.wait_for(never)


def test_nobody_there() -> None:
    with AgentClient(name="nobody", namespace="/far/away", discovery_s=0.1) as client:
        assert client.agent == "/far/away/nobody"
        assert not client.wait_for_agent(0.2)
        with pytest.raises(AgentUnavailableError, match="no /far/away/nobody"):
            client.ask("hello")
        with pytest.raises(AgentUnavailableError, match="no service /far/away/nobody/list_tasks"):
            client.list_tasks()


@pytest.fixture
def mortal_agent() -> Iterator[subprocess.Popen[bytes]]:
    """Another agent, called mortal."""
    command = [sys.executable, "-m", "uio2_ros.nodes.agent.node", "--ros-args"]
    command += ["-r", "__node:=mortal", "-p", "autostart:=false"]
    process = subprocess.Popen(command)
    yield process
    process.kill()
    process.wait()


def test_an_agent_that_is_silent_or_ends_does_not_leave_its_client_waiting(
    client: AgentClient, mortal_agent: subprocess.Popen[bytes]
) -> None:
    del client
    with AgentClient(name="mortal") as mortal:
        assert mortal.wait_for_agent(patient(20))
        mortal_agent.send_signal(signal.SIGSTOP)
        with pytest.raises(AgentTimeoutError, match=r"within 0\.2 s, nor said why"):
            mortal.ask("hello", timeout_s=0.2)
        pending = mortal.ask_async("hello")
        mortal_agent.terminate()
        mortal_agent.send_signal(signal.SIGCONT)
        assert isinstance(pending.exception(patient(60)), AgentError)
