"""Plans as messages and back, and commands as messages."""

from __future__ import annotations

import math

import pytest
from std_msgs.msg import Header
from uio2_ros.msg import ActionStep, Plan

from uio2_ros.control import Cause, PlanError, Pose3D
from uio2_ros.control.commands import JointPoint, PoseCommand, PoseRole, TwistCommand, TwistRole
from uio2_ros.messages.commands import pose_stamped, trajectory_message, twist_stamped
from uio2_ros.messages.plans import plan_message, plan_of, stamped_plan_of
from uio2_ros.messages.stamps import time_message
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.robot.time import to_ns

STAMP_S = 12.25
PLANS = [
    TaskPlan(
        "vima", (Step(ActionKind.PUSH, "push", Pose2D(0.5, 0.1, 2.0), Pose2D(0, 1, -1)),), "b"
    ),
    TaskPlan("pointnav", (Step(ActionKind.DISCRETE, "left"), Step(ActionKind.DISCRETE, "stop"))),
    TaskPlan(
        "x",
        (Step(ActionKind.CONTINUOUS, "", None, None, ("a", "b"), (0.5, -1.0), 0.25),),
        "base_link",
    ),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.action_space)
def test_plan_of_an_answer_comes_back(plan: TaskPlan) -> None:
    header = Header(stamp=time_message(to_ns(STAMP_S)), frame_id="camera")
    found, stamp_s = stamped_plan_of(plan_message(plan, "", header))
    assert stamp_s == STAMP_S
    assert found.action_space == plan.action_space
    assert found.frame_id == (plan.frame_id or "camera")
    for step, expected in zip(found.steps, plan.steps, strict=True):
        assert (step.kind, step.name, step.values) == (
            expected.kind,
            expected.name,
            expected.values,
        )
        assert step.time_from_start_s == pytest.approx(expected.time_from_start_s)
        if expected.start is not None:
            assert step.start is not None
            assert (step.start.x, step.start.y, step.start.yaw) == pytest.approx(
                (expected.start.x, expected.start.y, expected.start.yaw)
            )


@pytest.mark.parametrize(
    ("changes", "cause", "message"),
    [
        ({"kind": 9}, Cause.INVALID_PLAN, "step 0 is of kind 9; expected PICK_PLACE 0, PUSH 1"),
        ({"w": math.nan}, Cause.INVALID_PLAN, "the start of step 0: the quaternion .* no rotation"),
        ({"x": 0.5}, Cause.INVALID_PLAN, "the start of step 0: the orientation .* not a turn abou"),
    ],
)
def test_step_that_is_none_is_refused(
    changes: dict[str, float], cause: Cause, message: str
) -> None:
    step = ActionStep(kind=int(changes.pop("kind", 0)))
    for name, value in changes.items():
        setattr(step.start.orientation, name, value)
    plan = Plan(steps=[step], header=Header(stamp=time_message(to_ns(STAMP_S))))
    with pytest.raises(PlanError, match=message) as refused:
        plan_of(plan)
    assert refused.value.cause is cause


def test_plan_without_a_stamp_is_refused() -> None:
    with pytest.raises(PlanError, match="has no stamp; give the time of the picture"):
        stamped_plan_of(Plan())


def test_pose_carries_its_frame_and_the_time_it_was_right() -> None:
    pose = Pose3D((1, 2, 3), (0.5, 0.5, -0.5, 0.5))
    message = pose_stamped(PoseCommand(PoseRole.PICK, "base_link", pose, STAMP_S))
    orientation = message.pose.orientation
    assert (message.header.frame_id, message.header.stamp.sec) == ("base_link", 12)
    assert (message.pose.position.x, message.pose.position.z) == (1, 3)
    assert (orientation.w, orientation.x, orientation.y, orientation.z) == (0.5, 0.5, -0.5, 0.5)


def test_twist_carries_its_frame() -> None:
    command = TwistCommand(TwistRole.TIP, "table", (1, 2, 3), (4, 5, 6))
    message = twist_stamped(command, STAMP_S)
    assert message.header.frame_id == "table"
    assert (message.twist.linear.y, message.twist.angular.z) == (2, 6)


def test_trajectory_begins_when_it_is_heard() -> None:
    points = [JointPoint(0.05, (1.0, 2.0)), JointPoint(1.5, (3.0, 4.0), (0.0, 0.0))]
    message = trajectory_message(["a", "b"], points)
    assert (message.header.stamp.sec, message.joint_names) == (0, ["a", "b"])
    assert [list(point.velocities) for point in message.points] == [[], [0.0, 0.0]]
    assert message.points[1].time_from_start.sec == 1
    assert message.points[1].time_from_start.nanosec == 500_000_000
