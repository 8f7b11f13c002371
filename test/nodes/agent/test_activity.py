"""What people near the robot should know first."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from uio2_ros.msg import AgentState

from uio2_ros.nodes.agent.activity import merged
from uio2_ros.robot.activity import Activity


def test_the_message_has_the_same_numbers() -> None:
    assert {one.name: int(one) for one in Activity} == {
        one.name: getattr(AgentState, one.name) for one in Activity
    }


def test_a_state_of_another_version_is_a_fault_and_no_exception() -> None:
    assert Activity.of(int(Activity.MOVING)) is Activity.MOVING
    assert Activity.of(200) is Activity.FAULT


@pytest.mark.parametrize(
    ("own", "motion", "told"),
    [
        (Activity.IDLE, Activity.IDLE, Activity.IDLE),
        (Activity.LISTENING, Activity.IDLE, Activity.LISTENING),
        (Activity.THINKING, Activity.MOVING, Activity.MOVING),
        (Activity.FAULT, Activity.MOVING, Activity.MOVING),
        (Activity.LISTENING, Activity.FAULT, Activity.FAULT),
        (Activity.THINKING, Activity.STOPPED, Activity.THINKING),
        (Activity.LISTENING, Activity.STOPPED, Activity.STOPPED),
        (Activity.FAULT, Activity.STOPPED, Activity.FAULT),
        (Activity.STOPPED, Activity.IDLE, Activity.STOPPED),
    ],
)
def test_motion_counts_before_faults_and_thought_before_a_stop_that_is_over(
    own: Activity, motion: Activity, told: Activity
) -> None:
    assert merged((own, "own"), (motion, "motion"))[0] is told


def test_of_two_faults_the_agents_own_is_told() -> None:
    told = merged((Activity.FAULT, "the model failed"), (Activity.FAULT, "the bridge"))
    assert told == (Activity.FAULT, "the model failed")
