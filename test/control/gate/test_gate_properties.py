"""Whatever plans come: what is commanded stays in the box and within the caps."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from control.conftest import SPACES, Rig, chunk_plan, moves
from control.gate.conftest import ARM, HOME, STRICT, TIP, picture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uio2_ros.control import Cause, PlanError, Pose3D
from uio2_ros.control.commands import JointCommand, PoseCommand, TwistCommand
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.gate.workspace import Zone
from uio2_ros.robot.frames import Link
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.robot.time import to_ns

LOW, HIGH = np.array((-1.0, -0.8, -0.1)), np.array((1.0, 0.8, 1.0))
CAPS = STRICT.caps
few = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
ways = st.tuples(*[st.floats(-0.05, 0.05)] * 3)
DELTAS = st.lists(ways, min_size=1, max_size=10).map(
    lambda rows: chunk_plan(SPACES["ee_delta"], [(*row, 0.0, 0.0, 0.0, 0.0) for row in rows])
)
PLACES = st.lists(
    st.tuples(st.floats(-1.2, 1.2), st.floats(-1.0, 1.0), st.floats(-0.3, 1.1)),
    min_size=1,
    max_size=5,
).map(lambda rows: chunk_plan(TIP, rows))
VELOCITIES = st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(-1.0, 1.0)), min_size=1).map(
    lambda rows: chunk_plan(SPACES["diff_drive"], rows)
)
POSITIONS = st.lists(
    st.tuples(st.floats(-0.2, 1.6), st.floats(-1.0, 2.2)), min_size=1, max_size=6
).map(lambda rows: chunk_plan(ARM, rows))
OPEN_START = {"start": type(STRICT.start)(0.0, 0.0), "scene": type(STRICT.scene)(0.0)}


class World:
    """A tip that goes where twists move it, and joints where they are told to be."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.tip = np.array((0.3, 0.3, 0.3))
        self.joints = dict(HOME)
        self.tell()

    def tell(self) -> None:
        self.rig.frames.hear(
            Link("base_link", "tool0", Pose3D(tuple(self.tip)), to_ns(self.rig.now_s))
        )
        self.rig.joints.hear(self.joints, self.rig.now_s)

    def try_plan(self, plan: TaskPlan) -> None:
        with suppress(PlanError):
            self.rig.start(plan, on_demand=True)

    def period(self) -> list[object]:
        commands = list(self.rig.tick())
        for command in commands:
            if isinstance(command, TwistCommand):
                self.tip = self.tip + np.array(command.linear) * self.rig.settings.period_s
            if isinstance(command, JointCommand):
                self.joints = dict(zip(command.joints, command.points[0].positions, strict=True))
        self.tell()
        return commands


@few
@given(st.lists(DELTAS, min_size=1, max_size=3))
def test_tip_that_is_driven_stays_in_the_box_and_keeps_to_the_caps(
    guarded: Callable[..., Rig], plans: list[TaskPlan]
) -> None:
    world = World(guarded(**OPEN_START))
    before = np.zeros(3)
    for plan in plans:
        world.try_plan(plan)
        for _ in range(15):
            for command in world.period():
                if not isinstance(command, TwistCommand):
                    continue  # the gripper
                velocity = np.array(command.linear)
                assert np.linalg.norm(velocity) <= CAPS.linear_speed + 1e-9
                change = np.linalg.norm(velocity - before) / world.rig.settings.period_s
                assert change <= CAPS.linear_acceleration + 1e-6 or not velocity.any()
                before = velocity
            assert ((world.tip > LOW - 1e-6) & (world.tip < HIGH + 1e-6)).all()


@few
@given(st.lists(PLACES, min_size=1, max_size=3))
def test_pose_that_is_commanded_is_in_the_box_and_not_in_the_zone(
    guarded: Callable[..., Rig], plans: list[TaskPlan]
) -> None:
    caps = type(CAPS)(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    world = World(guarded(**OPEN_START, caps=caps))
    seat = world.rig.gate.workspace.keep_out[0]
    for plan in plans:
        world.try_plan(plan)
        for _ in range(10):
            for command in world.period():
                assert isinstance(command, PoseCommand)
                place = np.array([command.pose.position])
                assert ((place > LOW - 1e-6) & (place < HIGH + 1e-6)).all()
                inside = (place > np.add(seat.low, 1e-9)) & (place < np.subtract(seat.high, 1e-9))
                assert not inside.all()


@few
@given(st.lists(VELOCITIES, min_size=1, max_size=3))
def test_base_keeps_to_the_caps(guarded: Callable[..., Rig], plans: list[TaskPlan]) -> None:
    world = World(guarded(**OPEN_START, workspace=""))
    before = (0.0, 0.0)
    for plan in plans:
        world.try_plan(plan)
        for _ in range(10):
            for command in world.period():
                assert isinstance(command, TwistCommand)
                now = (command.linear[0], command.angular[2])
                assert abs(now[0]) <= CAPS.linear_speed + 1e-9
                assert abs(now[1]) <= CAPS.angular_speed + 1e-9
                period_s = world.rig.settings.period_s
                changes = [abs(a - b) / period_s for a, b in zip(now, before, strict=True)]
                most = (CAPS.linear_acceleration, CAPS.angular_acceleration)
                halts = not any(now)
                assert halts or all(a <= b + 1e-6 for a, b in zip(changes, most, strict=True))
                before = now


@few
@given(st.lists(POSITIONS, min_size=1, max_size=3))
def test_joints_stay_within_the_robots_description_and_the_caps(
    guarded: Callable[..., Rig], plans: list[TaskPlan]
) -> None:
    caps = type(CAPS)(0.0, 0.0, 0.4, 0.0, 0.0, 1.0)
    rig = guarded(**OPEN_START, workspace="", caps=caps)
    world = World(rig)
    for plan in plans:
        world.try_plan(plan)
        for _ in range(10):
            before = dict(world.joints)
            for command in world.period():
                assert isinstance(command, JointCommand)
                shoulder, elbow = command.points[0].positions
                assert abs(shoulder) <= 1.5 + 1e-6
                assert abs(elbow) <= 2.0 + 1e-6
                way = max(
                    abs(command.points[0].positions[n] - before[j]) for n, j in enumerate(before)
                )
                assert way <= 0.4 * rig.settings.period_s + 1e-9


@few
@given(st.lists(st.sampled_from(["forward", "left", "right", "stop"]), min_size=1, max_size=4))
def test_moves_are_blended_in_within_the_caps_and_make_their_way(
    guarded: Callable[..., Rig], names: list[str]
) -> None:
    caps = type(CAPS)(0.2, 0.4, 0.0, 0.4, 0.8, 0.0)
    rig = guarded(workspace="", blend_in_s=1.0, caps=caps)
    rig.start(moves(*names))
    twists = [command for command in rig.ticks(30.0) if isinstance(command, TwistCommand)]
    velocities = np.array([(twist.linear[0], twist.angular[2]) for twist in twists])
    period_s = rig.settings.period_s
    assert rig.outcomes[0].cause == 0
    assert (np.abs(velocities) <= np.array((0.2, 0.4)) + 1e-9).all()
    changes = np.diff(np.vstack((np.zeros(2), velocities)), axis=0) / period_s
    assert (np.abs(changes) <= np.array((0.4, 0.8)) + 1e-6).all()
    assert velocities[:, 0].sum() * period_s == pytest.approx(0.25 * names.count("forward"))
    lefts = names.count("left") - names.count("right")
    assert velocities[:, 1].sum() * period_s == pytest.approx(math.radians(10) * lefts)


points = st.tuples(*[st.floats(-2, 2)] * 3).map(np.array)


@given(points, points)
def test_a_way_meets_a_zone_if_any_of_its_points_is_inside(
    begin: np.ndarray, end: np.ndarray
) -> None:
    zone = Zone("", "", (-0.5, -0.3, -0.2), (0.4, 0.6, 0.2))
    on_the_way = begin + np.linspace(0, 1, 400)[:, np.newaxis] * (end - begin)
    inside = bool(((on_the_way > zone.low) & (on_the_way < zone.high)).all(axis=1).any())
    meets = bool(zone.meets(begin[np.newaxis], end[np.newaxis])[0])
    assert meets or not inside
    near = (on_the_way > np.subtract(zone.low, 0.05)) & (on_the_way < np.add(zone.high, 0.05))
    assert not meets or near.all(axis=1).any()


@given(st.floats(0.1, 5.0), st.floats(0.0, 6.0), st.floats(0.01, 3.0))
def test_what_is_blended_in_lasts_as_long_as_its_scale_adds_up_to(
    blend_in_s: float, from_s: float, length_s: float
) -> None:
    engagement = Engagement(blend_in_s)
    engagement.begin(0.0)
    times = from_s + length_s * (np.arange(2000) + 0.5) / 2000
    summed = np.mean([engagement.scale(time_s) for time_s in times]) * length_s
    assert engagement.lasted_s(from_s, from_s + length_s) == pytest.approx(summed, abs=1e-5)


def test_the_robots_own_motion_is_no_change_of_the_scene(guarded: Callable[..., Rig]) -> None:
    rig = guarded(workspace="")
    rig.start(chunk_plan(SPACES["diff_drive"], [(0.2, 0.0)] * 10), on_demand=True)
    rig.ticks(0.5)
    rig.gate.scene.keep(rig.now_s, picture(hand=True))
    rig.start(chunk_plan(SPACES["diff_drive"], [(0.2, 0.0)] * 10), age_s=0.3, on_demand=True)
    assert rig.tick()


def test_light_that_goes_up_and_down_is_no_change_of_the_scene(guarded: Callable[..., Rig]) -> None:
    rig = guarded(workspace="")
    rig.gate.scene.keep(rig.now_s + 0.3, picture(light=40))
    rig.start(chunk_plan(SPACES["diff_drive"], [(0.2, 0.0)]), on_demand=True)
    assert rig.tick()


def test_each_stop_and_each_refusal_blends_in_anew(guarded: Callable[..., Rig]) -> None:
    rig = guarded(workspace="", blend_in_s=1.0)
    plan = chunk_plan(SPACES["diff_drive"], [(0.4, 0.0)] * 50)

    def speed_after(seconds: float) -> float:
        rig.start(plan, on_demand=True)
        twist = rig.ticks(seconds)[-1]
        assert isinstance(twist, TwistCommand)
        return twist.linear[0]

    assert speed_after(0.5) < 0.28
    assert speed_after(1.0) == pytest.approx(0.4)
    with pytest.raises(PlanError):
        rig.start(plan, age_s=1e4)
    assert speed_after(0.5) < 0.28
    rig.ticks(1.0)
    rig.follower.stop(Cause.STOPPED, "somebody", rig.now_s)
    assert speed_after(0.5) < 0.28
