"""The gate in a real bridge: dry runs, the emergency stop, and what is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from geometry_msgs.msg import TwistStamped
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import Sender
from nodes.robot import LATCHED, wait_until
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from uio2_ros.action import ExecutePlan
from visualization_msgs.msg import MarkerArray

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module", autouse=True)
def bridge(start: Callable[..., AgentProcess]) -> AgentProcess:
    start("controllers")
    return start("bridge", follow=False, dry_run=True, max_age=60.0, gate__blend_in=0.2)


def dry_run(sender: Sender, value: bool) -> None:
    parameter = Parameter("dry_run", value=value).to_parameter_msg()
    request = SetParameters.Request(parameters=[parameter])
    assert sender.call(SetParameters, "/bridge/set_parameters", request).results[0].successful


def test_first_plans_are_shown_and_nothing_moves_until_dry_run_is_off(sender: Sender) -> None:
    sender.hear("cmd_vel", TwistStamped)
    sender.listen("/bridge/markers", MarkerArray, LATCHED)
    result = sender.carry_out(sender.drive([[0.2, 0.1]] * 3))
    assert result.error_code == ExecutePlan.Result.DRY_RUN
    assert "the plan would move the base 0.06 m" in result.error_msg
    shown = sender.heard("/bridge/markers", lambda array: len(array.markers) > 1)
    assert {marker.ns for marker in shown.markers} >= {"would_move", "refused"}
    assert all(marker.header.frame_id for marker in shown.markers)  # "" is a frame to Foxglove
    assert sender.messages("cmd_vel") == []
    assert "dry_run is on" in sender.status().message or "DRY_RUN" in sender.status().message
    dry_run(sender, False)
    assert sender.carry_out(sender.drive([[0.2, 0.1]] * 3)).error_code == 0
    assert sender.messages("cmd_vel") != []
    sender.assert_stops()


def test_estop_stops_the_base_until_it_is_released(sender: Sender) -> None:
    dry_run(sender, False)
    sender.hear("cmd_vel", TwistStamped)
    running = sender.order_plan(sender.drive([[0.4, 0.0]] * 100))
    sender.heard("cmd_vel", lambda twist: twist.twist.linear.x > 0.3)
    sender.publish("estop", Bool(data=True), 10)
    assert sender.finish(running)[1].error_code == ExecutePlan.Result.ESTOP
    sender.assert_stops()
    refused = sender.call(Trigger, "/bridge/release", Trigger.Request())
    assert (refused.success, "release the button" in refused.message) == (False, True)
    sender.publish("estop", Bool(data=False), 10)
    assert sender.carry_out(sender.moves("left")).error_code == ExecutePlan.Result.ESTOP
    assert sender.status().level == b"\x02"
    wait_until(lambda: sender.call(Trigger, "/bridge/release", Trigger.Request()).success, "it")
    assert sender.carry_out(sender.moves("left")).error_code == 0


def test_service_presses_it_too(sender: Sender) -> None:
    dry_run(sender, False)
    assert sender.call(Trigger, "/bridge/estop", Trigger.Request()).success
    assert sender.carry_out(sender.moves("left")).error_code == ExecutePlan.Result.ESTOP
    assert sender.call(Trigger, "/bridge/release", Trigger.Request()).success
