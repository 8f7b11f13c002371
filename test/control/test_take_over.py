"""A plan that takes over when the step under way is over."""

from __future__ import annotations

from itertools import pairwise

import pytest
from control.conftest import Rig, chunk_plan, moves, pick_place

from uio2_ros.control import Cause, PlanError
from uio2_ros.control.commands import Halt, PoseCommand, TwistCommand
from uio2_ros.robot.action_space import ActionSpace


def poses(commands: list[object]) -> list[float]:
    """Where the tool is sent, x in metres."""
    return [one.pose.position[0] for one in commands if isinstance(one, PoseCommand)]


def report(rig: Rig) -> None:
    """Somebody says that the step is over."""
    assert rig.follower.run is not None
    rig.follower.run.motion.reported(None)


def test_the_step_under_way_is_finished_and_the_rest_replaced_without_a_halt(rig: Rig) -> None:
    rig.start(pick_place(3))
    assert poses(list(rig.ticks(1.0))) == pytest.approx([0.5, 0.5])
    rig.start(pick_place(1, x=0.6), after_step=True)
    assert rig.ticks(2.0) == []
    report(rig)
    commands = rig.ticks(1.0)
    assert poses(list(commands)) == pytest.approx([0.6, 0.6])
    assert Halt() not in commands
    assert [(end.cause, end.steps_done) for end in rig.outcomes] == [(Cause.PREEMPTED, 1)]
    report(rig)
    rig.tick()
    assert rig.outcomes[-1].cause is Cause.NONE


def test_a_plan_at_its_last_step_was_carried_out(rig: Rig) -> None:
    rig.start(pick_place(1))
    rig.tick()
    rig.start(pick_place(1, x=0.6), after_step=True)
    report(rig)
    rig.tick()
    assert [(end.cause, end.steps_done) for end in rig.outcomes] == [(Cause.NONE, 1)]
    assert rig.follower.run is not None


def test_a_base_comes_to_rest_as_it_would_have_and_goes_on(rig: Rig) -> None:
    def speeds(seconds: float) -> list[float]:
        told = [one for one in rig.ticks(seconds) if isinstance(one, TwistCommand)]
        return [one.linear[0] for one in told]

    rig.start(moves("forward", "forward", "forward"))
    before = speeds(0.7)
    rig.start(moves("left"), after_step=True)
    after = speeds(1.5)
    way = sum(before + after) * rig.settings.period_s
    assert way == pytest.approx(0.25, abs=1e-6)
    steps = [abs(one - other) for one, other in pairwise(before + after)]
    most = rig.settings.speed.linear_acceleration * rig.settings.period_s
    assert max(steps) <= most + 1e-9
    assert rig.outcomes[0].cause is Cause.PREEMPTED
    assert rig.ticks(0.2)[-1].angular[2] > 0  # type: ignore[union-attr]


def test_what_blends_takes_over_at_once(rig: Rig, spaces: dict[str, ActionSpace]) -> None:
    rig.start(chunk_plan(spaces["diff_drive"], [[0.3, 0.0]] * 100))
    rig.ticks(1.0)
    rig.start(chunk_plan(spaces["diff_drive"], [[0.1, 0.0]] * 100), after_step=True)
    assert rig.follower.next is None
    assert rig.outcomes[0].cause is Cause.PREEMPTED
    last = rig.ticks(1.0)[-1]
    assert isinstance(last, TwistCommand)
    assert last.linear[0] == pytest.approx(0.1)


def test_where_nothing_is_under_way_it_begins_now(rig: Rig) -> None:
    rig.start(pick_place(1), after_step=True)
    assert poses(list(rig.tick())) == pytest.approx([0.5, 0.5])


def test_a_stop_ends_what_waits_too(rig: Rig) -> None:
    rig.start(pick_place(2))
    rig.tick()
    rig.start(pick_place(1), after_step=True)
    rig.follower.stop(Cause.STOPPED, "somebody said so", rig.now_s)
    assert [end.cause for end in rig.outcomes] == [Cause.STOPPED, Cause.STOPPED]
    assert rig.follower.next is None
    assert not poses(list(rig.ticks(2.0)))


def test_the_newest_of_those_that_wait_is_carried_out(rig: Rig) -> None:
    rig.start(pick_place(2))
    rig.tick()
    rig.start(pick_place(1, x=0.6), after_step=True)
    rig.start(pick_place(1, x=0.7), after_step=True)
    assert [end.cause for end in rig.outcomes] == [Cause.PREEMPTED]
    report(rig)
    assert poses(list(rig.ticks(0.5))) == pytest.approx([0.7, 0.7])


def test_a_step_that_fails_ends_what_waits_for_it(rig: Rig) -> None:
    rig.start(pick_place(2))
    rig.tick()
    rig.start(pick_place(1, x=0.6), after_step=True)
    assert rig.follower.run is not None
    rig.follower.run.motion.reported(PlanError(Cause.CONTROLLER_FAILED, "the gripper is stuck"))
    assert Halt() in rig.ticks(0.2)
    assert {end.cause for end in rig.outcomes} == {Cause.CONTROLLER_FAILED}
    assert len(rig.outcomes) == 2


def test_one_that_cannot_be_carried_out_stops_everything_now(rig: Rig) -> None:
    rig.start(pick_place(2))
    rig.tick()
    with pytest.raises(PlanError):
        rig.start(pick_place(1, x=99.0), after_step=True)
    assert Halt() in rig.follower.take()
    assert rig.outcomes[0].cause is Cause.PREEMPTED


def test_its_time_counts_from_when_it_takes_over(rig: Rig) -> None:
    rig.start(pick_place(2))
    rig.tick()
    rig.start(pick_place(1, x=0.6), after_step=True, timeout_s=3.0)
    rig.ticks(5.0)
    report(rig)
    rig.ticks(2.0)
    assert rig.follower.run is not None
    rig.ticks(1.5)
    assert rig.outcomes[-1].cause is Cause.TIMEOUT
