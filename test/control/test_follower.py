"""The watchdog: what is refused, what stops, and that it stops within one control period."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from control.conftest import Rig, chunk_plan, moves, pick_place

from uio2_ros.control import Cause, ClockWatch, Navigation, PlanError
from uio2_ros.control.commands import (
    CancelGoals,
    Command,
    Halt,
    PoseCommand,
    TwistCommand,
    TwistRole,
)
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

FORWARD = [[0.3, 0.0]] * 100
"""Ten seconds."""


@pytest.fixture
def driving(rig: Rig, spaces: dict[str, ActionSpace]) -> Rig:
    """A base at 0.3 m/s."""
    rig.start(chunk_plan(spaces["diff_drive"], FORWARD))
    last = rig.ticks(1.0)[-1]
    assert isinstance(last, TwistCommand)
    assert last.linear[0] == pytest.approx(0.3)
    return rig


def assert_zero(commands: Sequence[Command]) -> None:
    """All of them, and there is one."""
    assert commands
    for command in commands:
        assert isinstance(command, TwistCommand)
        assert (command.linear, command.angular) == ((0, 0, 0), (0, 0, 0))


def continuous(values: tuple[float, ...], names: tuple[str, ...] = ("forward", "turn")) -> TaskPlan:
    step = Step(ActionKind.CONTINUOUS, "", dimension_names=names, values=values)
    return TaskPlan("diff_drive", (step,), "base_link")


def timed(*times_s: float) -> TaskPlan:
    step = continuous((0.1, 0.0)).steps[0]
    steps = tuple(replace(step, time_from_start_s=time_s) for time_s in times_s)
    return TaskPlan("diff_drive", steps, "base_link")


UNFIT: list[tuple[TaskPlan, Cause, str]] = [
    (TaskPlan("", ()), Cause.INVALID_PLAN, "the plan has no steps"),
    (replace(moves("left"), action_space="x"), Cause.INVALID_PLAN, "'x' is not known; known are a"),
    (moves("jump"), Cause.INVALID_PLAN, "step 0 is 'jump', which 'pointnav' does not have"),
    (replace(moves("left"), action_space="vima"), Cause.INVALID_PLAN, "of kind DISCRETE, but 'vi"),
    (continuous((0.1,)), Cause.INVALID_PLAN, "step 0 has 1 values; 'diff_drive' has 2 dimensions"),
    (continuous((0.1, 0.0), ("a", "b")), Cause.INVALID_PLAN, "has the dimensions a, b; 'diff_dri"),
    (continuous((math.nan, 0.0)), Cause.INVALID_PLAN, "'forward' of step 0 is nan, which is no nu"),
    (continuous((math.inf, 0.0)), Cause.INVALID_PLAN, "'forward' of step 0 is inf"),
    (continuous((0.6, 0.0)), Cause.OUT_OF_LIMITS, "is 0.6, its range in SI units is -0.5 to 0.5"),
    (timed(0.0, 0.3, 0.2), Cause.INVALID_PLAN, "the times of the steps, 0, 0.3, 0.2 s, do not ri"),
    (timed(-1.0, 0.3), Cause.INVALID_PLAN, "do not rise from 0"),
    (pick_place(x=0.9), Cause.OUT_OF_LIMITS, "'x' of the pick_pose of step 0 is 0.9"),
    (pick_place(x=math.nan), Cause.INVALID_PLAN, "'x' of the pick_pose of step 0 is nan"),
    (moves("left", frame_id="moon"), Cause.TF_ERROR, "no transform from 'moon' to 'base_link'"),
]


@pytest.mark.parametrize(("plan", "cause", "message"), UNFIT, ids=lambda item: str(item)[:30])
def test_unfit_plan_is_refused_counted_and_stops_what_moves(
    driving: Rig, plan: TaskPlan, cause: Cause, message: str
) -> None:
    with pytest.raises(PlanError, match=message) as refused:
        driving.start(plan)
    assert refused.value.cause is cause
    assert driving.follower.ends[cause] == 1
    assert_zero(driving.follower.take())
    assert driving.follower.run is None
    assert driving.outcomes[0].cause is Cause.PREEMPTED
    assert_zero(driving.ticks(0.3))


def test_missing_pose_of_a_step_is_refused(rig: Rig) -> None:
    plan = TaskPlan("vima", (Step(ActionKind.PICK_PLACE, "", Pose2D(0.5, 0, 0)),), "base_link")
    with pytest.raises(PlanError, match="the place_pose of step 0 is missing"):
        rig.start(plan)


@pytest.mark.parametrize(
    ("age_s", "message"),
    [(10.5, "a picture 10.5 s old, at most 10 s"), (-2.0, "a picture taken 2.0 s from now")],
)
def test_plan_of_another_time_is_stale(driving: Rig, age_s: float, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        driving.start(moves("forward"), age_s=age_s)
    assert driving.follower.ends[Cause.STALE_PLAN] == 1
    assert_zero(driving.follower.take())


def test_chunk_that_becomes_stale_on_the_way_stops(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(max_age_s=2.0)
    rig.start(chunk_plan(spaces["diff_drive"], FORWARD), age_s=1.0)
    before = rig.ticks(0.95)
    assert isinstance(before[-1], TwistCommand)
    assert before[-1].linear[0] == pytest.approx(0.3)
    rig.tick()
    assert_zero(rig.tick())
    assert rig.outcomes[0].cause is Cause.STALE_PLAN


def test_plan_on_demand_may_outlast_its_picture(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(max_age_s=2.0)
    rig.start(chunk_plan(spaces["diff_drive"], FORWARD), on_demand=True)
    rig.ticks(5.0)
    assert rig.follower.run is not None


@pytest.mark.parametrize("cause", [Cause.STOPPED, Cause.CANCELED, Cause.AGENT_LOST])
def test_stop_is_zero_at_once_and_silence_later(driving: Rig, cause: Cause) -> None:
    assert driving.follower.stop(cause, "enough", driving.now_s)
    assert_zero(driving.follower.take())
    assert (driving.outcomes[0].cause, driving.outcomes[0].message) == (cause, "enough")
    assert driving.follower.ends[cause] == 1
    assert_zero(driving.ticks(0.5))
    assert driving.ticks(1.0) == []


def test_time_that_is_over_stops(driving: Rig, spaces: dict[str, ActionSpace]) -> None:
    driving.start(chunk_plan(spaces["diff_drive"], FORWARD), timeout_s=1.0)
    driving.ticks(0.95)
    assert_zero(driving.ticks(0.1)[-1:])
    assert driving.outcomes[-1].cause is Cause.TIMEOUT
    assert "not done after 1.0 s" in driving.outcomes[-1].message


def test_clock_that_jumps_back_stops(driving: Rig) -> None:
    driving.now_s -= 50.0
    assert_zero(driving.tick())
    assert driving.outcomes[0].cause is Cause.STALE_PLAN
    assert "the clock jumped back" in driving.outcomes[0].message


def test_while_the_clock_stands_nothing_is_said(driving: Rig) -> None:
    driving.follower.tick(driving.now_s)
    assert driving.follower.take() == []
    (command,) = driving.tick()
    assert isinstance(command, TwistCommand)
    assert command.linear[0] == pytest.approx(0.3)


def test_clock_that_stands_for_too_long_is_noticed() -> None:
    watch = ClockWatch(timeout_s=1.0)
    assert [watch.stands(5.0, steady_s) for steady_s in (0.0, 0.9, 1.1)] == [False, False, True]
    assert [watch.stands(5.1, 1.2), watch.stands(5.1, 2.3)] == [False, True]
    assert ClockWatch(timeout_s=1.0).stands(0.0, 0.0)  # simulated time that never came
    forever = ClockWatch(timeout_s=0.0)
    assert [forever.stands(5.0, steady_s) for steady_s in (0.0, 1e6)] == [False, False]


def test_joints_that_fall_silent_stop_the_arm(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    rig.at_home()
    row = [0.3, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0, 0.04]
    rig.start(chunk_plan(spaces["arm7"], [row] * 50))
    rig.ticks(1.0)
    assert rig.outcomes[0].cause is Cause.NO_STATE
    assert rig.follower.ends[Cause.NO_STATE] == 1


def test_joints_heard_before_the_clock_jumped_back_count_no_more(
    rig: Rig, spaces: dict[str, ActionSpace]
) -> None:
    rig.at_home()
    rig.now_s -= 50.0
    row = [0.3, 0.0, 0.0, -1.5, 0.0, 1.5, 0.0, 0.04]
    with pytest.raises(PlanError, match="joint_states said nothing of joint1"):
        rig.start(chunk_plan(spaces["arm7"], [row] * 50))


def test_stop_reaches_all_who_were_ever_told_to_move(
    make_rig: Callable[..., Rig], spaces: dict[str, ActionSpace]
) -> None:
    rig = make_rig(navigation=Navigation.NAVIGATE_TO_POSE)
    for plan in (
        moves("forward"),
        pick_place(),
        chunk_plan(spaces["ee_delta"], [[0.0] * 6 + [1.0]]),
        chunk_plan(spaces["diff_drive"], FORWARD),
    ):
        rig.start(plan)
        rig.ticks(0.3)
    rig.follower.stop(Cause.STOPPED, "enough", rig.now_s)
    said = rig.follower.take()
    assert CancelGoals() in said
    assert Halt() in said
    roles = {command.role for command in said if isinstance(command, TwistCommand)}
    assert roles == set(TwistRole)


def test_disabled_bridge_refuses(rig: Rig) -> None:
    rig.follower.enabled = False
    with pytest.raises(PlanError, match="the bridge is disabled; call ~/enable with true"):
        rig.start(moves("forward"))
    assert rig.follower.ends[Cause.STOPPED] == 1
    assert rig.ticks(1.0) == []


def test_newer_plan_of_another_kind_halts_the_older(driving: Rig) -> None:
    driving.start(pick_place())
    assert_zero(driving.follower.take())
    assert driving.outcomes[0].cause is Cause.PREEMPTED
    pick, place, zero = driving.tick()  # 0 again, as the base may not have heard it
    assert isinstance(pick, PoseCommand)
    assert isinstance(place, PoseCommand)
    assert_zero([zero])


def test_who_adopts_a_plan_hears_of_its_end(driving: Rig) -> None:
    heard: list[Cause] = []
    driving.follower.adopt(
        driving.now_s, timeout_s=0.0, on_end=lambda outcome: heard.append(outcome.cause)
    )
    driving.follower.stop(Cause.CANCELED, "enough", driving.now_s)
    assert heard == [Cause.CANCELED]
    assert driving.outcomes == []


def test_control_imports_neither_ros_nor_torch() -> None:
    check = (
        "import sys, uio2_ros.control\n"
        "print([name for name in ('rclpy', 'torch', 'cv2') if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
