"""How a bridge begins and ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from geometry_msgs.msg import Twist
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import Sender
from nodes.robot import wait_until
from patience import patient

pytestmark = pytest.mark.ros


def test_bridge_that_ends_cancels_the_goal(
    start: Callable[..., AgentProcess], sender_of_module: Sender
) -> None:
    nav2 = start("controllers", seconds=60.0)
    bridge = start("bridge", navigation="navigate_to_pose", controller_wait=30.0)
    sender_of_module.send(sender_of_module.moves("forward"))
    nav2.wait_until_logged("navigate: goal")
    assert bridge.stop() == 0
    nav2.wait_until_logged("navigate: canceled")


def test_base_without_stamps_gets_twists_and_zero_when_the_bridge_ends(
    start: Callable[..., AgentProcess], sender_of_module: Sender
) -> None:
    bridge = start("bridge", stamped_cmd_vel=False)
    sender_of_module.hear("cmd_vel", Twist)
    sender_of_module.send(sender_of_module.drive([[0.3, 0.0]] * 1000))
    sender_of_module.heard("cmd_vel", lambda twist: twist.linear.x > 0.25)
    bridge.stop()
    wait_until(lambda: sender_of_module.messages("cmd_vel")[-1].linear.x == 0.0, "the base to stop")


def test_bridge_that_does_not_follow_takes_goals_only(
    start: Callable[..., AgentProcess], sender_of_module: Sender
) -> None:
    bridge = start("bridge", follow=False)
    sender_of_module.send(sender_of_module.moves("left"))
    wait_until(lambda: sender_of_module.report()["plans ignored"] == "1", "the plan to be ignored")
    assert "sent TwistCommand" not in sender_of_module.report()
    assert sender_of_module.carry_out(sender_of_module.moves("left")).error_code == 0
    bridge.stop()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"navigation": "teleport"}, "navigation is 'teleport'; expected one of: cmd_vel, goal_p"),
        ({"blend__mode": "salt"}, "blend.mode is 'salt'; expected one of: none, crossfade"),
        ({"action_spaces": "/nowhere"}, "no folder of action spaces; looked for /nowhere"),
        ({"rate": "fast"}, "Correct it where it was set and start again"),
        ({"rate": 0.0}, "Correct it where it was set and start again"),
    ],
)
def test_impossible_parameters_are_told_without_a_traceback(
    start: Callable[..., AgentProcess], parameters: dict[str, object], said: str
) -> None:
    bridge = start("bridge", **parameters)
    assert bridge.process.wait(patient(30)) == 1
    log = bridge.log.read_text()
    assert said in log
    assert "Traceback" not in log
