"""Action servers: nav2's NavigateToPose and FollowJointTrajectory, by stand-ins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus
from nodes.agent_process import AgentProcess
from nodes.bridge.sender import FirstFeedback, Sender
from nodes.robot import done, wait_until
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger
from uio2_ros.action import ExecutePlan

from uio2_ros.nodes.bridge.controllers import action_type

pytestmark = pytest.mark.ros
READY = {"server navigate_to_pose": "there", "joints known": "7"}
HOME = (0.0, 0.0, -1.5, 0.0, 1.5, 0.0)


@pytest.fixture(scope="module", autouse=True)
def bridge(start: Callable[..., AgentProcess]) -> AgentProcess:
    return start(
        "bridge",
        navigation="navigate_to_pose",
        arm="follow_joint_trajectory",
        gripper="parallel_gripper_command",
        controller_wait=1.0,
    )


@pytest.fixture(scope="module")
def nav2_and_arm(start: Callable[..., AgentProcess], sender_of_module: Sender) -> AgentProcess:
    """Both stand-ins, known to the bridge."""
    process = start("controllers")
    wait_until(
        lambda: READY.items() <= sender_of_module.report().items(),
        "the controllers to be seen and heard",
    )
    return process


@pytest.fixture
def controllers(nav2_and_arm: AgentProcess, sender: Sender) -> Callable[..., Watched]:
    """controllers(seconds=..., verdict=...): the stand-ins, which do that from now on."""

    def configure(
        seconds: float = 60.0,
        verdict: str = "succeed",
        *,
        preempts: bool = True,
        cancellable: bool = True,
    ) -> Watched:
        parameters = [
            Parameter("seconds", value=seconds),
            Parameter("verdict", value=verdict),
            Parameter("preempts", value=preempts),
            Parameter("cancellable", value=cancellable),
        ]
        request = SetParameters.Request(
            parameters=[parameter.to_parameter_msg() for parameter in parameters]
        )
        sender.call(SetParameters, "/controllers/set_parameters", request)
        return Watched(nav2_and_arm)

    return configure


class Watched:
    """A process, and what it logs from now on."""

    def __init__(self, process: AgentProcess) -> None:
        self.process = process
        self._before = len(process.log.read_text())

    def wait_until_logged(self, text: str) -> None:
        wait_until(lambda: text in self.process.log.read_text()[self._before :], repr(text))


def test_moves_become_one_goal_of_nav2_with_its_feedback(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    nav2 = controllers(seconds=1.0)
    feedback = FirstFeedback()
    handle = sender.order_plan(sender.moves("forward", "forward"), feedback)
    status, result = sender.finish(handle)
    assert (status, result.error_code) == (GoalStatus.STATUS_SUCCEEDED, 0)
    nav2.wait_until_logged("navigate: goal 0.50 in base_link")
    nav2.wait_until_logged("navigate: succeeded")
    assert 0.3 < max(item.progress for item in feedback.all) <= 1.0


def test_chunk_becomes_one_goal_of_the_arm(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    arm = controllers(seconds=0.3)
    result = sender.carry_out(sender.arm([[0.01 * step, *HOME, 0.0] for step in range(8)]))
    assert result.error_code == 0, result.error_msg
    arm.wait_until_logged("points to 0.07")
    arm.wait_until_logged("follow: succeeded")


def test_gripper_is_told_each_opening_once_with_its_speed(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    gripper = controllers(seconds=0.1)
    result = sender.carry_out(sender.arm([[0.0, *HOME, 0.02]] * 3 + [[0.0, *HOME, 0.06]] * 3))
    assert result.error_code == 0, result.error_msg
    gripper.wait_until_logged("grip: finger_joint to 0.06 at 0.10")
    said = gripper.process.log.read_text()
    assert said.count("grip: finger_joint to 0.02") == said.count("grip: finger_joint to 0.06") == 1


def test_gripper_that_fails_fails_its_plan(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    controllers(seconds=0.1, verdict="abort")
    result = sender.carry_out(sender.arm([[0.0, *HOME, 0.03]] * 8))
    assert result.error_code == ExecutePlan.Result.CONTROLLER_FAILED


def test_cancelled_plan_cancels_the_goal_of_the_controller(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    nav2 = controllers()
    handle = sender.order_plan(sender.moves("forward"))
    nav2.wait_until_logged("navigate: goal")
    done(handle.cancel_goal_async())
    assert sender.finish(handle)[0] == GoalStatus.STATUS_CANCELED
    nav2.wait_until_logged("navigate: canceled")


def test_cancelled_plan_cancels_the_trajectory_of_the_arm(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    arm = controllers()
    handle = sender.order_plan(sender.arm([[0.2, *HOME, 0.0]] * 8))
    arm.wait_until_logged("follow: goal")
    done(handle.cancel_goal_async())
    assert sender.finish(handle)[0] == GoalStatus.STATUS_CANCELED
    arm.wait_until_logged("follow: canceled")


def test_stop_cancels_what_the_topic_wanted(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    nav2 = controllers()
    sender.send(sender.moves("forward"))
    nav2.wait_until_logged("navigate: goal 0.25")
    sender.call(Trigger, "/bridge/stop", Trigger.Request())
    nav2.wait_until_logged("navigate: canceled")


def test_refused_plan_cancels_the_goal_of_the_arm(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    arm = controllers()
    sender.send(sender.arm([[0.2, *HOME, 0.0]] * 20))
    arm.wait_until_logged("follow: goal")
    sender.send(sender.moves("left", frame_id="moon"))
    arm.wait_until_logged("follow: canceled")


def test_newer_plan_takes_over_at_the_controller(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    nav2 = controllers()
    older = sender.order_plan(sender.moves("forward"))
    nav2.wait_until_logged("navigate: goal 0.25")
    controllers(seconds=0.3)
    newer = sender.order_plan(sender.moves("forward", "forward"))
    assert sender.finish(older)[1].error_code == ExecutePlan.Result.PREEMPTED
    nav2.wait_until_logged("navigate: preempted")
    assert sender.finish(newer)[1].error_code == 0


@pytest.mark.parametrize("verdict", ["abort", "reject"])
def test_goal_that_nav2_goes_back_to_is_cancelled(
    sender: Sender, controllers: Callable[..., Watched], verdict: str
) -> None:
    """As when nav2 cannot transform the newer pose: it goes on to the older goal."""
    nav2 = controllers(preempts=False)
    sender.order_plan(sender.moves("forward"))
    nav2.wait_until_logged("navigate: goal 0.25")
    controllers(seconds=0.1, verdict=verdict, preempts=False)
    assert sender.carry_out(sender.moves("left")).error_code in (
        ExecutePlan.Result.CONTROLLER_FAILED,
        ExecutePlan.Result.CONTROLLER_REJECTED,
    )
    nav2.wait_until_logged("navigate: canceled")
    wait_until(lambda: sender.report()["goals open"] == "0", "all goals to have ended")


def test_stop_says_that_a_controller_goes_on(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    nav2 = controllers(cancellable=False)
    handle = sender.order_plan(sender.moves("forward"))
    nav2.wait_until_logged("navigate: goal")
    response = sender.call(Trigger, "/bridge/stop", Trigger.Request())
    assert not response.success
    assert "navigate_to_pose does not end 1 of its goals" in response.message
    status, result = sender.finish(handle)
    assert (status, result.error_code) == (
        GoalStatus.STATUS_ABORTED,
        ExecutePlan.Result.CONTROLLER_REFUSED,
    )
    diagnosed = sender.status()
    assert (diagnosed.level, diagnosed.message) == (DiagnosticStatus.ERROR, response.message)
    refused = sender.carry_out(sender.moves("left"))
    assert refused.error_code == ExecutePlan.Result.CONTROLLER_REFUSED
    controllers()  # it does what the bridge asks for again and again
    nav2.wait_until_logged("navigate: canceled")
    wait_until(lambda: sender.report()["goals open"] == "0", "the bridge to know")
    assert sender.status().level != DiagnosticStatus.ERROR


def test_arm_whose_trajectory_does_not_end_is_told_to_stay(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    arm = controllers(cancellable=False)
    handle = sender.order_plan(sender.arm([[0.2, *HOME, 0.0]] * 8))
    arm.wait_until_logged("follow: goal")
    controllers(seconds=0.1, cancellable=False)
    done(handle.cancel_goal_async())
    arm.wait_until_logged("follow: goal of 1 points")
    arm.wait_until_logged("follow: preempted")
    assert sender.finish(handle)[1].error_code in (
        ExecutePlan.Result.CONTROLLER_REFUSED,
        ExecutePlan.Result.CANCELED,
    )
    wait_until(lambda: sender.report()["goals open"] == "0", "the arm to stay")


def test_failure_of_the_controller_is_told(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    controllers(seconds=0.1, verdict="abort")
    result = sender.carry_out(sender.moves("forward"))
    assert result.error_code == ExecutePlan.Result.CONTROLLER_FAILED
    assert "was aborted by the controller: error code 9000 blocked" in result.error_msg


def test_rejected_goal_is_told(sender: Sender, controllers: Callable[..., Watched]) -> None:
    controllers(verdict="reject")
    result = sender.carry_out(sender.moves("forward"))
    assert result.error_code == ExecutePlan.Result.CONTROLLER_REJECTED


def test_controller_that_goes_away_is_told(
    sender: Sender, controllers: Callable[..., Watched]
) -> None:
    nav2 = controllers()
    handle = sender.order_plan(sender.moves("forward"))
    nav2.wait_until_logged("navigate: goal")
    nav2.process.stop()
    result = sender.finish(handle)[1]
    assert result.error_code == ExecutePlan.Result.CONTROLLER_FAILED
    assert "the server of navigate_to_pose went away" in result.error_msg


def test_missing_controller_is_waited_for_and_told(sender: Sender) -> None:
    result = sender.carry_out(sender.moves("forward"))
    assert result.error_code == ExecutePlan.Result.NO_CONTROLLER
    assert "no action server navigate_to_pose within 1 s" in result.error_msg


def test_missing_package_says_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"install ros-\$ROS_DISTRO-no-such-msgs, or set"):
        action_type("no_such_msgs", "Dance")
