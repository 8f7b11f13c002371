"""`~/execute`: plans as goals, as behaviour trees give them. Velocities, no action server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import FirstFeedback, Sender
from nodes.robot import done, wait_until
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from uio2_ros.action import ExecutePlan

from uio2_ros.control import Cause
from uio2_ros.messages.stamps import seconds_of

pytestmark = pytest.mark.ros


@pytest.fixture(scope="module", autouse=True)
def bridge(start: Callable[..., AgentProcess]) -> AgentProcess:
    start("controllers")
    return start("bridge", speed__linear=0.5)


POSES = {"pick_pose": PoseStamped, "place_pose": PoseStamped}


def test_causes_are_the_codes_of_the_action() -> None:
    for cause in Cause:
        assert getattr(ExecutePlan.Result, cause.name) == cause


def driven_m(twists: Sequence[TwistStamped]) -> float:
    """How far they drive a base that keeps each velocity until the next comes."""
    way_m = 0.0
    for twist, following in pairwise(twists):
        held_s = seconds_of(following.header.stamp) - seconds_of(twist.header.stamp)
        way_m += twist.twist.linear.x * held_s
    return way_m


def test_goal_is_carried_out_and_reports_how_far_it_is(sender: Sender) -> None:
    sender.hear_velocities()
    feedback = FirstFeedback()
    handle = sender.order_plan(sender.moves("forward", "left"), feedback)
    status, result = sender.finish(handle)
    assert status == GoalStatus.STATUS_SUCCEEDED
    assert (result.error_code, result.error_msg, result.steps_done) == (0, "", 2)
    told = [(item.step, item.steps) for item in feedback.all]
    assert told[0] == (0, 2)
    assert told[-1] == (1, 2)
    progress = [item.progress for item in feedback.all]
    assert progress == sorted(progress)
    sender.assert_stops()
    assert driven_m(sender.messages("cmd_vel")) == pytest.approx(0.25, abs=0.03)


def test_cancelled_goal_stops_the_base(sender: Sender) -> None:
    sender.hear("cmd_vel", TwistStamped)
    handle = sender.order_plan(sender.drive([[0.4, 0.0]] * 1000))
    sender.heard("cmd_vel", lambda twist: twist.twist.linear.x > 0.3)
    done(handle.cancel_goal_async())
    status, result = sender.finish(handle)
    assert (status, result.error_code) == (GoalStatus.STATUS_CANCELED, ExecutePlan.Result.CANCELED)
    sender.assert_stops()


def test_newer_goal_ends_the_older(sender: Sender) -> None:
    older = sender.order_plan(sender.drive([[0.2, 0.0]] * 1000))
    newer = sender.order_plan(sender.moves("left"))
    status, result = sender.finish(older)
    assert (status, result.error_code) == (GoalStatus.STATUS_ABORTED, ExecutePlan.Result.PREEMPTED)
    assert sender.finish(newer)[1].error_code == 0


def test_newer_goal_takes_over_when_the_step_under_way_is_over(sender: Sender) -> None:
    sender.hear_all(POSES, lambda: sender.send(sender.pick_place()))
    older = sender.order_plan(sender.pick_place(3))
    sender.heard("pick_pose")
    feedback = FirstFeedback()
    newer = sender.order_plan(sender.pick_place(), feedback, after_step=True)
    sender.report()  # by then it waits
    assert len(sender.messages("pick_pose")) == 1
    sender.publish("step_done", Bool(data=True), 10)
    status, result = sender.finish(older)
    assert (status, result.steps_done) == (GoalStatus.STATUS_ABORTED, 1)
    assert result.error_code == ExecutePlan.Result.PREEMPTED
    wait_until(lambda: len(sender.messages("pick_pose")) == 2, "the newer plan")
    feedback.wait()
    assert {item.steps for item in feedback.all} == {1}
    sender.publish("step_done", Bool(data=True), 10)
    assert sender.finish(newer)[1].error_code == ExecutePlan.Result.NONE


def test_goal_that_takes_too_long_is_ended(sender: Sender) -> None:
    result = sender.carry_out(sender.drive([[0.2, 0.0]] * 1000), timeout=0.3)
    assert result.error_code == ExecutePlan.Result.TIMEOUT
    assert "the plan was not done after 0." in result.error_msg


@pytest.mark.parametrize("timeout", [-1.0, float("nan")])
def test_impossible_timeout_is_refused(sender: Sender, timeout: float) -> None:
    result = sender.carry_out(sender.moves("left"), timeout=timeout)
    assert result.error_code == ExecutePlan.Result.INVALID_PLAN
    assert "give 0 (the bridge's default) or more" in result.error_msg


def test_refused_goal_stops_the_one_before_it(sender: Sender) -> None:
    sender.hear("cmd_vel", TwistStamped)
    running = sender.order_plan(sender.drive([[0.4, 0.0]] * 1000))
    sender.heard("cmd_vel", lambda twist: twist.twist.linear.x > 0.3)
    sender.carry_out(sender.moves("left"), timeout=float("nan"))
    assert sender.finish(running)[1].error_code == ExecutePlan.Result.PREEMPTED
    sender.assert_stops()


def test_refused_goal_says_why(sender: Sender) -> None:
    result = sender.carry_out(sender.moves("jump"))
    assert result.error_code == ExecutePlan.Result.INVALID_PLAN
    assert "'jump'" in result.error_msg


def test_plan_that_came_on_the_topic_first_is_not_begun_again(sender: Sender) -> None:
    sender.hear_all(POSES, lambda: sender.send(sender.pick_place()))
    plan = sender.pick_place()
    sender.send(plan)
    sender.heard("pick_pose")
    handle = sender.order_plan(plan)
    sender.publish("step_done", Bool(data=True), 10)
    status, result = sender.finish(handle)
    assert (status, result.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0)
    assert len(sender.messages("pick_pose")) == 1


def test_plan_that_comes_on_the_topic_too_does_not_disturb_its_goal(sender: Sender) -> None:
    ignored = int(sender.report()["plans ignored"])
    plan = sender.pick_place()
    handle = sender.order_plan(plan)
    sender.send(plan)
    sender.send(sender.moves("left"))
    wait_until(lambda: int(sender.report()["plans ignored"]) == ignored + 2, "both to be ignored")
    sender.publish("step_done", Bool(data=True), 10)
    assert sender.finish(handle)[1].error_code == 0


def test_steps_of_pick_and_place_follow_one_another(sender: Sender) -> None:
    sender.hear_all(POSES, lambda: sender.send(sender.pick_place()))
    handle = sender.order_plan(sender.pick_place(2))
    pick, place = sender.heard("pick_pose"), sender.heard("place_pose")
    assert (pick.header.frame_id, pick.pose.position.x) == ("base_link", 0.5)
    assert pick.pose.orientation.x == pytest.approx(1.0)  # the tool points down
    assert (pick.pose.position.z, place.pose.position.z) == (0.02, 0.05)
    sender.publish("step_done", Bool(data=True), 10)
    wait_until(lambda: len(sender.messages("pick_pose")) == 2, "the second step")
    sender.publish("step_done", Bool(data=True), 10)
    assert sender.finish(handle)[1].steps_done == 2


def test_failed_pick_halts_whoever_executes(sender: Sender) -> None:
    def stop_a_step() -> None:
        sender.send(sender.pick_place())
        sender.call(Trigger, "/bridge/stop", Trigger.Request())

    sender.hear_all(POSES, lambda: sender.send(sender.pick_place()))
    sender.hear_all({"trajectory_execution_event": String}, stop_a_step)
    handle = sender.order_plan(sender.pick_place(2))
    sender.heard("pick_pose")
    sender.publish("step_done", Bool(data=False), 10)
    result = sender.finish(handle)[1]
    assert (result.error_code, result.steps_done) == (ExecutePlan.Result.CONTROLLER_FAILED, 0)
    assert sender.heard("trajectory_execution_event").data == "stop"


def test_speeds_can_be_changed_in_their_range_and_nothing_else(sender: Sender) -> None:
    def change(name: str, value: object) -> SetParametersResult:
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        return sender.call(SetParameters, "/bridge/set_parameters", request).results[0]

    sender.hear_velocities()
    assert change("speed.linear", 0.1).successful
    assert sender.carry_out(sender.moves("forward")).error_code == 0
    assert max(twist.twist.linear.x for twist in sender.messages("cmd_vel")) < 0.11
    assert change("speed.linear", 0.5).successful
    refused = change("speed.linear", 1000.0)
    assert (refused.successful, "speed.linear" in refused.reason) == (False, True)
    assert not change("frame", "map").successful


def test_arm_and_gripper_are_told_on_topics(sender: Sender) -> None:
    home = [0.0, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0]
    wait_until(lambda: sender.report()["joints known"] == "7", "the joint states")
    sender.hear_all(
        {"trajectory": JointTrajectory, "gripper": JointState},
        lambda: sender.send(sender.arm([[*home, 0.04]] * 6)),
    )
    result = sender.carry_out(sender.arm([[0.02, *home[1:], 0.08]] * 6))
    assert result.error_code == 0, result.error_msg
    first = sender.heard("trajectory")
    assert list(first.joint_names) == [f"joint{number}" for number in range(1, 8)]
    assert list(first.points[0].positions)[1:] == home[1:]
    grip = sender.heard("gripper", lambda grip: grip.position[0] > 0.079)
    assert list(grip.name) == ["finger_joint"]
    assert grip.position[0] == pytest.approx(0.08)
