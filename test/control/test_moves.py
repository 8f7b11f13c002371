"""Discrete moves as velocities and as destinations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import pytest
from control.conftest import Rig, moves
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.control import Cause, Navigation, Pose3D, SpeedSettings
from uio2_ros.control.commands import (
    CancelGoals,
    Command,
    NavigationGoal,
    PoseCommand,
    PoseRole,
    TwistCommand,
)
from uio2_ros.control.engagement import Engagement
from uio2_ros.control.moves import TimedMoves, destination, displacement
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.frames import Link
from uio2_ros.robot.poses import planar_quaternion
from uio2_ros.robot.time import to_ns

POINTNAV = load_action_spaces()["pointnav"]
PERIOD_S = 0.05
names = st.lists(st.sampled_from(["forward", "left", "right", "stop"]), min_size=1, max_size=6)


def travelled(commands: Sequence[Command]) -> tuple[float, float]:
    """Metres forward and radians to the left that twists add up to."""
    twists = [command for command in commands if isinstance(command, TwistCommand)]
    forward = sum(twist.linear[0] for twist in twists) * PERIOD_S
    return forward, sum(twist.angular[2] for twist in twists) * PERIOD_S


@given(names)
def test_velocities_add_up_to_the_moves_within_speed_and_acceleration(chosen: list[str]) -> None:
    speed = SpeedSettings()
    wanted = [displacement(POINTNAV, name) for name in chosen]
    motion = TimedMoves(
        wanted, PERIOD_S, speed, frame_id="base_link", turned=Pose3D(), engagement=Engagement(0.0)
    )
    said: list[TwistCommand] = []
    now_s = 7.0
    while not motion.progress(now_s).done:
        said += motion.commands(now_s)  # type: ignore[arg-type]
        now_s += PERIOD_S
    assert travelled(said) == pytest.approx(
        (sum(move[0] for move in wanted), sum(move[5] for move in wanted))
    )
    forward = [0.0, *(twist.linear[0] for twist in said)]
    assert max(forward) <= speed.linear + 1e-9
    changes = [after - before for before, after in itertools.pairwise(forward)]
    assert max(map(abs, changes)) <= speed.linear_acceleration * PERIOD_S + 1e-9


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["forward", "forward"], (0.5, 0.0, 0.0)),
        (["left"] * 9 + ["forward"], (0.0, 0.25, math.pi / 2)),
        (["right"] * 18 + ["forward"], (-0.25, 0.0, math.pi)),
        (["stop"], (0.0, 0.0, 0.0)),
    ],
)
def test_destination_of_moves(chosen: list[str], expected: tuple[float, float, float]) -> None:
    found = destination([displacement(POINTNAV, name) for name in chosen])
    assert (found.x, found.y, abs(found.yaw)) == pytest.approx(expected, abs=1e-9)


def test_moves_end_at_zero_which_is_said_more_than_once(rig: Rig) -> None:
    rig.start(moves("forward"))
    commands = rig.ticks(3.0)
    assert rig.outcomes[0].cause is Cause.NONE
    assert rig.outcomes[0].steps_done == 1
    assert travelled(commands)[0] == pytest.approx(0.25)
    assert [command.linear for command in commands[-4:]] == [(0.0, 0.0, 0.0)] * 4  # type: ignore[union-attr]


def test_progress_names_the_step(rig: Rig) -> None:
    rig.start(moves("forward", "left", "left"))
    rig.ticks(1.75)
    assert rig.follower.run is not None
    progress = rig.follower.run.progress
    assert (progress.step, progress.steps) == (1, 3)
    assert 0.4 < progress.fraction < 0.8


def test_twists_are_turned_into_the_frame_of_the_base(rig: Rig) -> None:
    rig.frames.hear(Link("base_link", "front", Pose3D((1, 2, 3), planar_quaternion(math.pi))))
    rig.start(moves("forward", "left", frame_id="front"))
    forward, turned = travelled(rig.ticks(4.0))
    assert forward == pytest.approx(-0.25)
    assert turned == pytest.approx(math.radians(10))


def test_destination_is_a_goal_for_nav2(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(navigation=Navigation.NAVIGATE_TO_POSE)
    rig.start(moves("forward", "left"), age_s=1.0)
    (goal,) = rig.ticks(0.5)
    assert isinstance(goal, NavigationGoal)
    assert (goal.frame_id, goal.stamp_s) == ("base_link", 99.0)
    assert goal.pose.position == pytest.approx((0.25, 0, 0))
    assert not rig.outcomes
    assert rig.follower.run is not None
    rig.follower.run.motion.reported(None)
    rig.tick()
    assert rig.outcomes[0].cause is Cause.NONE


def test_goal_is_told_in_the_frame_that_was_chosen(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(navigation=Navigation.NAVIGATE_TO_POSE, goal_frame_id="map")
    rig.frames.hear(
        Link("map", "base_link", Pose3D((1, 2, 0), planar_quaternion(math.pi / 2)), to_ns(100.0))
    )
    rig.start(moves("forward"))
    (goal,) = rig.tick()
    assert isinstance(goal, NavigationGoal)
    assert goal.frame_id == "map"
    assert goal.pose.position == pytest.approx((1, 2.25, 0))


def test_stopping_cancels_the_goal(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(navigation=Navigation.NAVIGATE_TO_POSE)
    rig.start(moves("forward"))
    rig.tick()
    rig.follower.stop(Cause.STOPPED, "enough", rig.now_s)
    assert rig.follower.take() == [CancelGoals()]


def test_stopping_before_the_newer_goal_is_sent_cancels_the_older(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(navigation=Navigation.NAVIGATE_TO_POSE)
    rig.start(moves("left"))
    rig.tick()
    rig.start(moves("right"))
    rig.follower.stop(Cause.STOPPED, "enough", rig.now_s)
    assert rig.follower.take() == [CancelGoals()]


def test_newer_goal_takes_over_without_cancelling(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(navigation=Navigation.NAVIGATE_TO_POSE)
    rig.start(moves("forward"))
    rig.tick()
    rig.start(moves("left"))
    (goal,) = rig.tick()
    assert isinstance(goal, NavigationGoal)
    assert [outcome.cause for outcome in rig.outcomes] == [Cause.PREEMPTED]


def test_goal_on_a_topic_is_taken_back_by_one_where_the_base_stands(
    make_rig: Callable[..., Rig],
) -> None:
    rig = make_rig(navigation=Navigation.GOAL_POSE)
    rig.start(moves("forward"))
    (goal,) = rig.tick()
    assert isinstance(goal, PoseCommand)
    assert goal.role is PoseRole.GOAL
    rig.follower.stop(Cause.STOPPED, "enough", rig.now_s)
    here = rig.follower.take()[-1]
    assert here == PoseCommand(PoseRole.GOAL, "base_link", Pose3D(), 100.0)
