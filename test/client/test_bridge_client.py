"""Plans on their way to a bridge that is not heard, or goes away. Real DDS, a stand-in bridge."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from nodes.robot import wait_until
from patience import patient
from trees.stand_in_bridge import StandInBridge
from uio2_ros.msg import ActionStep, Plan

from uio2_ros.client import AgentClient, BridgeClient, ExecutionError
from uio2_ros.client.action_goal import ActionGoal
from uio2_ros.robot.plan_errors import Cause

pytestmark = pytest.mark.ros

PLAN = Plan(action_space="pointnav", steps=[ActionStep()])


@pytest.fixture
def bridge() -> Iterator[StandInBridge]:
    stand_in = StandInBridge("heard_badly")
    yield stand_in
    stand_in.close()


@pytest.fixture
def plans(bridge: StandInBridge) -> Iterator[BridgeClient]:
    del bridge
    with AgentClient() as agent:
        client = BridgeClient(agent, "heard_badly")
        assert client.wait_for_bridge(patient(20))
        yield client


@pytest.mark.parametrize("lost", ["goal", "result"])
def test_a_plan_is_over_though_a_reply_is_lost(
    bridge: StandInBridge, plans: BridgeClient, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr("uio2_ros.client.action_goal.REPLY_S", 0.3)
    to_lose = [lost]
    execute = plans._plans.execute

    async def lossy(taken: dict[str, Any]) -> None:
        if to_lose and taken.pop(lost, None) is not None:
            to_lose.clear()
        await execute(taken)

    monkeypatch.setattr(plans._plans, "execute", lossy)
    assert plans.execute(PLAN).result(patient(20)) == 1
    assert not to_lose
    assert bridge.outcomes == ["done"]


def test_a_bridge_that_goes_away_ends_the_wait_for_its_plans(
    bridge: StandInBridge, plans: BridgeClient
) -> None:
    bridge.behaviour = "endless"
    execution = plans.execute(PLAN)
    wait_until(lambda: execution.feedback is not None, "the plan to begin")
    bridge.go_away()
    with pytest.raises(ExecutionError, match="went away") as ended:
        execution.result(patient(20))
    assert ended.value.code == Cause.NO_CONTROLLER


def test_a_goal_that_is_taken_after_its_client_gave_up_is_cancelled(plans: BridgeClient) -> None:
    failed: list[str] = []
    cancelled: list[bool] = []
    goal = ActionGoal(
        plans._agent.spinner,
        plans._plans,
        None,
        on_feedback=lambda _: None,
        on_result=lambda _: None,
        on_failure=failed.append,
    )
    late = SimpleNamespace(accepted=True, cancel_goal_async=lambda: cancelled.append(True))
    goal._fail("nothing is known of it")
    goal._on_reply(late)  # type: ignore[arg-type]
    assert (failed, cancelled) == (["nothing is known of it"], [True])
