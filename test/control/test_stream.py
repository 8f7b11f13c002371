"""Continuous actions as streams of commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from control.conftest import HOME, JOINTS, Rig, chunk_plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uio2_ros.control import (
    ArmInterface,
    Cause,
    GripperInterface,
    Origin,
    PlanError,
    Pose3D,
    SpeedSettings,
)
from uio2_ros.control.commands import (
    CancelGoals,
    GripperCommand,
    JointCommand,
    PoseCommand,
    SwitchCommand,
    TrajectoryGoal,
    TwistCommand,
    TwistRole,
)
from uio2_ros.robot.action_space import ActionSpace, Axis, Dimension, DimensionKind, SpaceKind
from uio2_ros.robot.frames import Link
from uio2_ros.robot.poses import planar_quaternion

FORWARD = [[0.3, 0.0]] * 10


def arm_row(first: float, grip: float = 0.04) -> list[float]:
    """Home, but for the first joint and the gripper."""
    return [first, *HOME[1:], grip]


def test_drive_is_a_twist_of_the_base_that_ends_at_zero(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    rig.start(chunk_plan(spaces["diff_drive"], FORWARD))
    commands = rig.ticks(2.0)
    assert all(isinstance(command, TwistCommand) for command in commands)
    speeds = [command.linear[0] for command in commands if isinstance(command, TwistCommand)]
    assert max(speeds) == pytest.approx(0.3)
    changes = np.diff([0.0, *speeds])
    assert np.abs(changes).max() <= 1.0 * 0.05 + 1e-9  # max_rate of the space
    assert speeds[-1] == 0.0
    assert rig.outcomes[0].cause is Cause.NONE


def test_steps_that_are_over_are_dropped(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    rows = [[0.1 * (index % 5), 0.0] for index in range(10)]
    rig.start(chunk_plan(spaces["diff_drive"], rows), age_s=0.72)
    assert rig.follower.steps_dropped == 7
    speeds = [command.linear[0] for command in rig.tick() if isinstance(command, TwistCommand)]
    assert 0.0 < speeds[0] <= 0.2 + 1e-9


def test_chunk_that_is_over_altogether_is_stale(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    with pytest.raises(PlanError, match=r"all 10 steps were over 0.50 s before the plan came"):
        rig.start(chunk_plan(spaces["diff_drive"], FORWARD), age_s=1.5)
    assert rig.follower.ends[Cause.STALE_PLAN] == 1


@pytest.mark.parametrize(("origin", "on_demand"), [(Origin.ARRIVAL, False), (Origin.STAMP, True)])
def test_chunk_may_begin_when_it_comes(
    make_rig: Callable[..., Rig],
    spaces: dict[str, ActionSpace],
    origin: Origin,
    on_demand: bool,
) -> None:
    rig = make_rig(origin=origin)
    rig.start(chunk_plan(spaces["diff_drive"], FORWARD), age_s=1.5, on_demand=on_demand)
    assert rig.follower.steps_dropped == 0


def test_next_chunk_is_blended_in_without_a_stop(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    rig.start(chunk_plan(spaces["diff_drive"], FORWARD))
    rig.ticks(0.6)
    rig.start(chunk_plan(spaces["diff_drive"], [[-0.3, 0.0]] * 10))
    assert rig.follower.take() == []  # no halt
    speeds = [command.linear[0] for command in rig.ticks(0.6) if isinstance(command, TwistCommand)]
    assert speeds[0] > 0.2
    assert speeds[-1] == pytest.approx(-0.25, abs=0.06)
    assert np.abs(np.diff(speeds)).max() <= 0.05 + 1e-9


def test_arm_moves_from_where_it_is(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.1)] * 8))
    first: list[float] = []
    for _ in range(30):
        rig.at_home()
        for command in rig.tick():
            if isinstance(command, JointCommand):
                assert command.joints == JOINTS
                assert command.points[0].positions[1:] == pytest.approx(HOME[1:])
                assert command.points[0].velocities == ()
                first.append(command.points[0].positions[0])
    assert first[0] == pytest.approx(0.005, abs=1e-3)  # 2 rad/s^2 from rest
    assert max(first) == pytest.approx(0.1, abs=1e-3)
    assert first == sorted(first)


def test_arm_whose_joints_nobody_knows_is_not_moved(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    with pytest.raises(PlanError, match="said nothing of joint1, joint2"):
        rig.start(chunk_plan(spaces["arm7"], [arm_row(0.1)]))
    assert rig.follower.ends[Cause.NO_STATE] == 1


def test_gripper_is_told_what_is_new_only(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    rig.start(chunk_plan(spaces["ee_delta"], [[0.0] * 6 + [grip] for grip in (1, 1, 0, 0)]))
    told = [command for command in rig.ticks(1.0) if isinstance(command, GripperCommand)]
    assert told == [GripperCommand("gripper", 1.0), GripperCommand("gripper", 0.0)]


def test_discrete_dimension_is_a_switch_that_is_told_what_is_new(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    light = Dimension("light", DimensionKind.DISCRETE, "1", 0.0, 2.0, levels=(0.0, 1.0, 2.0))
    base = spaces["diff_drive"]
    spaces["lit"] = replace(base, name="lit", dimensions=(*base.dimensions, light))
    rig.start(chunk_plan(spaces["lit"], [[0.1, 0.0, level] for level in (1, 1, 2, 2)]))
    told = [command for command in rig.ticks(1.0) if isinstance(command, SwitchCommand)]
    assert told == [SwitchCommand("light", 1.0), SwitchCommand("light", 2.0)]


def test_small_motions_of_the_tip_are_its_velocity(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    turned = Pose3D((5, 5, 5), planar_quaternion(np.pi / 2))
    rig.frames.hear(Link("base_link", "table", turned))
    row = [0.02, 0.0, 0.0, 0.0, 0.0, 0.1, 1.0]
    rig.start(chunk_plan(spaces["ee_delta"], [row] * 4, frame_id="table"))
    twists = [command for command in rig.ticks(0.8) if isinstance(command, TwistCommand)]
    assert {twist.role for twist in twists} == {TwistRole.TIP}
    assert twists[-2].linear == pytest.approx((0, 0.1, 0), abs=0.01)  # 0.02 m five times a second
    assert twists[-2].angular == pytest.approx((0, 0, 0.5), abs=0.05)


def test_absolute_pose_of_the_tip_is_a_target_pose(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    dimensions = tuple(
        Dimension(axis.value, DimensionKind.POSITION, "m", -1.0, 1.0, axis) for axis in Axis
    )
    spaces["tip"] = ActionSpace(
        "tip", SpaceKind.CONTINUOUS, "", "base_link", dimensions, rate_hz=10.0
    )
    rig = make_rig()
    rig.start(chunk_plan(spaces["tip"], [[0.1, 0.2, 0.3]] * 4))
    target = rig.tick()[0]
    assert isinstance(target, PoseCommand)
    assert target.pose.position == pytest.approx((0.1, 0.2, 0.3))


def test_arm_follows_a_whole_trajectory_as_a_goal(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(arm=ArmInterface.FOLLOW_JOINT_TRAJECTORY, joint_state_timeout_s=60.0)
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.02 * step) for step in range(8)]))
    goals = [command for command in rig.ticks(3.0) if isinstance(command, TrajectoryGoal)]
    (goal,) = goals
    assert goal.joints == JOINTS
    times_s = [point.time_s for point in goal.points]
    assert times_s == sorted(set(times_s))
    positions = np.array([HOME, *(point.positions for point in goal.points)])
    assert np.abs(np.diff(positions, axis=0)).max() <= 2.1 * 0.05 + 1e-9
    assert goal.points[-1].positions[0] == pytest.approx(0.14, abs=0.02)
    assert set(goal.points[-1].velocities) == {0.0}
    assert rig.follower.run is not None  # until the controller reports
    rig.follower.run.motion.reported(None)
    rig.tick()
    assert rig.outcomes == []  # and the joints are seen there
    rig.joints.hear({"joint1": 0.14}, rig.now_s)
    rig.tick()
    assert rig.outcomes[0].cause is Cause.NONE


@pytest.mark.parametrize("arm", ArmInterface)
def test_arm_that_is_not_seen_at_its_goal_has_failed(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace], arm: ArmInterface
) -> None:
    rig = make_rig(arm=arm, goal_s=1.0)
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.05)] * 4), on_demand=True)
    for tick in range(60):
        rig.at_home()  # though it is told to move
        if tick == 10 and rig.follower.run is not None:
            rig.follower.run.motion.reported(None)
        rig.tick()
    (outcome,) = rig.outcomes
    assert outcome.cause is Cause.GOAL_TOLERANCE_VIOLATED
    assert "joint1 is at 0.000 instead of 0.050" in outcome.message


def test_arm_whose_joints_need_not_be_known_is_done_when_it_was_told(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(joint_state_timeout_s=0.0)
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.05)] * 4))
    rig.ticks(1.0)
    assert rig.outcomes[0].cause is Cause.NONE


def test_next_chunk_is_a_new_goal_that_begins_where_the_arm_is_by_then(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(arm=ArmInterface.FOLLOW_JOINT_TRAJECTORY, joint_state_timeout_s=60.0)
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.05 * step) for step in range(8)]))
    (first,) = rig.ticks(0.5)[:1]
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.0)] * 8))
    (second,) = (item for item in rig.tick() if isinstance(item, TrajectoryGoal))
    assert isinstance(first, TrajectoryGoal)
    by_then = first.points[10].positions[0]
    assert by_then > 0.05
    assert second.points[0].positions[0] == pytest.approx(by_then, abs=0.02)
    assert second.points[-1].positions[0] == pytest.approx(0.0, abs=0.02)


def test_goal_of_the_arm_is_cancelled_when_it_stops(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(arm=ArmInterface.FOLLOW_JOINT_TRAJECTORY)
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.1)] * 8))
    rig.tick()
    rig.follower.stop(Cause.CANCELED, "enough", rig.now_s)
    assert CancelGoals() in rig.follower.take()


def test_stopped_arm_is_told_to_stay_where_it_is_heard(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.5)] * 8))
    rig.ticks(0.3)
    heard = (0.07, *HOME[1:])
    rig.joints.hear(dict(zip(JOINTS, heard, strict=True)), rig.now_s)
    rig.follower.stop(Cause.STOPPED, "enough", rig.now_s)
    (hold,) = rig.follower.take()
    assert isinstance(hold, JointCommand)
    assert hold.points[0].positions == pytest.approx(heard)


def test_speeds_may_change_while_chunks_are_carried_out(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    spaces["slow"] = replace(
        spaces["diff_drive"],
        name="slow",
        dimensions=tuple(replace(d, max_rate=None) for d in spaces["diff_drive"].dimensions),
    )
    rig.start(chunk_plan(spaces["slow"], FORWARD * 2))
    rig.ticks(0.2)
    rig.follower.limit(SpeedSettings(linear_acceleration=0.1))
    speeds = [item.linear[0] for item in rig.ticks(0.5) if isinstance(item, TwistCommand)]
    assert np.diff(speeds) == pytest.approx(0.1 * rig.settings.period_s)
    assert rig.outcomes == []


def test_gripper_with_an_action_is_told_where_its_steps_lead(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(gripper=GripperInterface.PARALLEL_GRIPPER_COMMAND)
    rig.at_home()
    rig.start(chunk_plan(spaces["arm7"], [arm_row(0.0, 0.02)] * 2 + [arm_row(0.0, 0.06)] * 2))
    told = [item for item in rig.ticks(0.4) if isinstance(item, GripperCommand)]
    assert told == [
        GripperCommand("finger_joint", 0.02, 0.1),
        GripperCommand("finger_joint", 0.06, 0.1),
    ]


speeds = st.tuples(st.floats(-0.5, 0.5), st.floats(-1.5, 1.5)).map(list)


@given(
    st.lists(
        st.tuples(st.lists(speeds, min_size=1, max_size=10), st.floats(0.05, 1.2)),
        min_size=1,
        max_size=5,
    )
)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_chunks_make_a_command_outside_the_limits(
    make_rig: Callable[..., Rig],
    spaces: dict[str, ActionSpace],
    chunks: list[tuple[list[list[float]], float]],
) -> None:
    rig = make_rig()
    said = [np.zeros(2)]
    for rows, wait_s in chunks:
        rig.start(chunk_plan(spaces["diff_drive"], rows))
        for command in rig.ticks(wait_s):
            assert isinstance(command, TwistCommand)
            said.append(np.array([command.linear[0], command.angular[2]]))
    assert (np.abs(said) <= np.array([0.5, 1.5]) + 1e-9).all()
