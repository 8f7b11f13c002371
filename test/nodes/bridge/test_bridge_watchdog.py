"""Every cause for which the bridge stops, once, over real DDS."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from geometry_msgs.msg import TransformStamped, TwistStamped
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import Sender, continuous, speed
from nodes.robot import LATCHED, TAKEN_S, wait_until
from std_srvs.srv import SetBool, Trigger
from tf2_msgs.msg import TFMessage
from uio2_ros.action import ExecutePlan
from uio2_ros.msg import HistoryState, Plan

from uio2_ros.control import Cause

pytestmark = pytest.mark.ros
HOME = (0.0, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0, 0.04)


@pytest.fixture(scope="module", autouse=True)
def bridge(start: Callable[..., AgentProcess]) -> AgentProcess:
    return start("bridge", max_age=120.0, agent_timeout=0.5, tf_max_age=1.0)


def named(space: str) -> Callable[[Sender], Plan]:
    return lambda sender: sender.plan(space, sender.moves("left").steps)


UNFIT: list[tuple[str, Cause, Callable[[Sender], Plan]]] = [
    ("unknown space", Cause.INVALID_PLAN, named("nowhere")),
    ("other kind", Cause.INVALID_PLAN, named("vima")),
    ("no number", Cause.INVALID_PLAN, lambda sender: sender.drive([[math.nan, 0.0]])),
    (
        "wrong length",
        Cause.INVALID_PLAN,
        lambda sender: sender.plan("diff_drive", [continuous(["forward", "turn"], [0.1])]),
    ),
    ("out of limits", Cause.OUT_OF_LIMITS, lambda sender: sender.drive([[0.7, 0.0]])),
    ("too old", Cause.STALE_PLAN, lambda sender: sender.moves("left", age_s=150.0)),
    ("from the future", Cause.STALE_PLAN, lambda sender: sender.moves("left", age_s=-9.0)),
    ("without a stamp", Cause.STALE_PLAN, lambda sender: Plan(steps=sender.moves("left").steps)),
    ("unknown frame", Cause.TF_ERROR, lambda sender: sender.moves("left", frame_id="moon")),
    ("arm nobody hears", Cause.NO_STATE, lambda sender: sender.arm([HOME] * 1000)),
]


@pytest.mark.parametrize(("name", "cause", "make"), UNFIT, ids=[name for name, *_ in UNFIT])
def test_unfit_plan_stops_what_moves_and_is_counted(
    sender: Sender, name: str, cause: Cause, make: Callable[[Sender], Plan]
) -> None:
    del name
    before = sender.counted(cause)
    sender.drive_on()
    sender.send(make(sender))
    sender.assert_stops()
    sender.wait_until_counted(cause, before + 1)


def test_stop_service_stops(sender: Sender) -> None:
    sender.drive_on()
    response = sender.call(Trigger, "/bridge/stop", Trigger.Request())
    assert (response.success, response.message) == (True, "stopped")
    sender.assert_stops()
    again = sender.call(Trigger, "/bridge/stop", Trigger.Request())
    assert again.message == "nothing was moving"


def test_disabled_bridge_stops_and_says_how_to_go_on(sender: Sender) -> None:
    sender.drive_on()
    sender.call(SetBool, "/bridge/enable", SetBool.Request(data=False))
    sender.assert_stops()
    assert sender.status().message == "disabled: call ~/enable with true to move again"
    assert sender.carry_out(sender.moves("left")).error_code == ExecutePlan.Result.STOPPED


def test_empty_plan_stops(sender: Sender) -> None:
    before = sender.counted(Cause.STOPPED)
    sender.drive_on()
    sender.send(Plan())
    sender.assert_stops()
    sender.wait_until_counted(Cause.STOPPED, before + 1)


def test_newer_plan_takes_over(sender: Sender) -> None:
    before = sender.counted(Cause.PREEMPTED)
    sender.drive_on()
    sender.send(sender.moves("left"))
    sender.heard("cmd_vel", lambda twist: twist.twist.angular.z > 0.05)
    sender.wait_until_counted(Cause.PREEMPTED, before + 1)


def test_agent_that_falls_silent_stops_what_it_wanted(sender: Sender) -> None:
    before = sender.counted(Cause.AGENT_LOST)
    sender.drive_on()
    sender.publish("history_state", HistoryState(), LATCHED)
    sender.assert_stops()
    sender.wait_until_counted(Cause.AGENT_LOST, before + 1)


def test_transform_that_is_heard_makes_its_frame_known(sender: Sender) -> None:
    turned = TransformStamped(child_frame_id="rear")
    turned.header.frame_id = "base_link"
    turned.transform.rotation.z, turned.transform.rotation.w = 1.0, 0.0
    sender.publish("/tf_static", TFMessage(transforms=[turned]), LATCHED)
    sender.hear("cmd_vel", TwistStamped)

    def is_known() -> bool:
        """The plan may overtake the transform, and is refused then."""
        sender.send(sender.moves("forward", frame_id="rear"))
        return sender.has_heard("cmd_vel", lambda twist: speed(twist) > 0.1, TAKEN_S)

    wait_until(is_known, "the transform")
    backwards = sender.heard("cmd_vel", lambda twist: speed(twist) > 0.1)
    assert backwards.twist.linear.x < 0
    assert backwards.header.frame_id == "base_link"


def test_transform_that_is_old_is_refused(sender: Sender) -> None:
    before = sender.counted(Cause.TF_ERROR)
    old = TransformStamped(child_frame_id="lift")
    old.header.frame_id = "base_link"
    old.header.stamp = sender.moves(age_s=5.0).header.stamp
    sender.publish("/tf", TFMessage(transforms=[old]), 10)
    sender.send(sender.moves("forward", frame_id="lift"))
    sender.wait_until_counted(Cause.TF_ERROR, before + 1)
    assert "'lift'" in sender.status().message
