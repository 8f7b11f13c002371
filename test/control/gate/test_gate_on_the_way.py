"""What the gate notices of the commands, though the plan was harmless."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from control.conftest import SPACES, Rig, chunk_plan
from control.gate.conftest import ARM, TIP, URDF

from uio2_ros.control import Cause, PlanError, Pose3D
from uio2_ros.control.commands import JointCommand, PoseCommand, TwistCommand
from uio2_ros.control.gate.robot_description import read_urdf
from uio2_ros.control.gate_settings import CapSettings, SceneCheckSettings, StartSettings
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.frames import Link
from uio2_ros.robot.time import to_ns

LIMITED = (
    '<robot name="r"><joint name="shoulder" type="revolute"><parent link="a"/><child link="b"/>'
    '<limit lower="-1" upper="0.62" velocity="3"/></joint></robot>'
)
ON_A_LIFT = URDF.replace('<parent link="base_link"/>', '<parent link="lift"/>').replace(
    "</robot>",
    '<link name="lift"/><joint name="lift" type="prismatic"><parent link="base_link"/>'
    '<child link="lift"/><limit lower="0" upper="1" velocity="1"/></joint></robot>',
)
WIDE = {
    "caps": CapSettings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "start": StartSettings(0.0, 0.0),
    "scene": SceneCheckSettings(0.0),
}


def test_pose_that_cuts_a_corner_of_a_zone_is_not_sent(guarded: Callable[..., Rig]) -> None:
    """The way is straight, but its axes are limited each on its own."""
    rig = guarded(**WIDE)
    rig.frames.hear(Link("base_link", "tool0", Pose3D((0.42, 0.0, 0.2)), to_ns(rig.now_s)))
    rig.start(chunk_plan(TIP, [(0.42, 0.0, 0.2), (0.5, 0.3, 0.2)]), on_demand=True)
    sent = [command for command in rig.ticks(3.0) if isinstance(command, PoseCommand)]
    assert rig.outcomes[0].cause is Cause.KEEP_OUT_ZONE
    assert rig.outcomes[0].where is not None
    seat = rig.gate.workspace.keep_out[0]
    places = np.array([command.pose.position for command in sent])
    assert len(places) > 3
    assert not seat.holds(places).any()


def test_tip_that_was_pushed_to_the_edge_is_not_driven_over_it(guarded: Callable[..., Rig]) -> None:
    rig = guarded(**WIDE)
    rig.start(
        chunk_plan(SPACES["ee_delta"], [(0.0, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0)] * 8), on_demand=True
    )
    rig.ticks(0.5)
    rig.frames.hear(Link("base_link", "tool0", Pose3D((0.3, 0.799, 0.2)), to_ns(rig.now_s)))
    after = [command for command in rig.ticks(0.5) if isinstance(command, TwistCommand)]
    assert rig.outcomes[0].cause is Cause.OUT_OF_WORKSPACE
    assert not any(any(twist.linear) for twist in after)


def test_limits_that_are_heard_on_the_way_count(guarded: Callable[..., Rig]) -> None:
    rig = guarded(workspace="", robot_description="")
    rig.start(chunk_plan(ARM, [(0.6 + 0.1 * step, 0.0) for step in range(4)]), on_demand=True)
    assert rig.tick()
    rig.gate.robot = read_urdf(LIMITED)
    rig.joints.hear({"shoulder": 0.61, "elbow": 0.0}, rig.now_s)
    rig.ticks(0.4)
    assert rig.outcomes[0].cause is Cause.JOINT_LIMIT


def test_arm_on_a_lift_that_says_nothing_is_nowhere_that_is_known(
    guarded: Callable[..., Rig],
) -> None:
    rig = guarded(**WIDE)
    plan = chunk_plan(ARM, [(0.6, 0.0), (0.65, 0.0)])
    rig.start(plan, on_demand=True)  # harmless
    rig.gate.robot = read_urdf(ON_A_LIFT)
    with pytest.raises(PlanError, match="nothing new of lift") as refused:
        rig.start(plan, on_demand=True)
    assert refused.value.cause is Cause.NO_STATE
    rig.joints.hear({"lift": 0.2}, rig.now_s)
    rig.start(plan, on_demand=True)


def test_arm_that_nobody_hears_is_not_held_where_it_must_not_be(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    spaces.update(planar_arm=ARM)
    rig = make_rig(joint_state_timeout_s=0.0)
    rig.start(chunk_plan(ARM, [(0.6, 0.0), (0.6, 0.0), (0.9, 0.0)]), on_demand=True)
    sent = [rig.tick()]
    rig.gate.robot = read_urdf(LIMITED)
    sent += [rig.tick() for _ in range(10)]
    assert rig.outcomes[0].cause is Cause.JOINT_LIMIT
    told = [one for commands in sent for one in commands if isinstance(one, JointCommand)]
    assert max(one.points[0].positions[0] for one in told) <= 0.62


def test_stop_that_is_pressed_on_the_way_ends_the_plan_in_the_same_period(
    guarded: Callable[..., Rig],
) -> None:
    rig = guarded(workspace="")
    rig.start(chunk_plan(SPACES["diff_drive"], [(0.2, 0.0)] * 20), on_demand=True)
    rig.ticks(0.5)
    rig.gate.estop.hear(True)
    rig.gate.estop.hear(False)
    commands = rig.tick()
    assert rig.outcomes[0].cause is Cause.ESTOP
    assert commands
    assert all(isinstance(one, TwistCommand) and not any(one.linear) for one in commands)
