"""What is commanded adds up to what was planned, in every shipped action space, whatever the times.

The robot is one that does what it is told: it integrates velocities and is where joints were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pytest
from control.conftest import HOME, JOINTS, SPACES, Rig, chunk_plan, moves
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uio2_ros.control import Cause
from uio2_ros.control.axes import Drive, drive_of, slot_of
from uio2_ros.control.commands import Command, GripperCommand, JointCommand, TwistCommand
from uio2_ros.control.moves import displacement
from uio2_ros.robot.action_space import ActionSpace, SpaceKind
from uio2_ros.robot.answer import TaskPlan

Array = npt.NDArray[np.float64]
CONTINUOUS = [name for name, space in SPACES.items() if space.kind is SpaceKind.CONTINUOUS]
SLOWEST_S = 20.0


@dataclass
class Moved:
    """A robot's way, and when it began."""

    way: Array = field(default_factory=lambda: np.zeros(6))
    twist: Array = field(default_factory=lambda: np.zeros(6))
    joints: dict[str, float] = field(default_factory=lambda: dict(zip(JOINTS, HOME, strict=True)))
    grips: list[tuple[float, float]] = field(default_factory=list)  # time, opening
    began_s: float | None = None

    def hear(self, commands: Sequence[Command], now_s: float) -> None:
        for command in commands:
            if isinstance(command, TwistCommand):
                self.twist = np.array([*command.linear, *command.angular])
                if self.began_s is None and self.twist.any():
                    self.began_s = now_s
            elif isinstance(command, JointCommand):
                self.joints.update(zip(command.joints, command.points[0].positions, strict=True))
            elif isinstance(command, GripperCommand):
                self.grips.append((now_s, command.position))


def carry_out(rig: Rig, plan: TaskPlan, periods: Sequence[float] = (1.0,)) -> Moved:
    """What a plan moves, where control periods take these parts of a period, in turn."""
    moved = Moved()
    rig.joints.hear(moved.joints, rig.now_s)
    begin_s = rig.now_s
    rig.start(plan, on_demand=True)
    for tick in range(round(SLOWEST_S / rig.settings.period_s)):
        length_s = rig.settings.period_s * periods[tick % len(periods)]
        moved.way += moved.twist * length_s
        rig.now_s += length_s
        rig.joints.hear(moved.joints, rig.now_s)
        rig.follower.tick(rig.now_s)
        moved.hear(rig.follower.take(), rig.now_s - begin_s)
        if rig.outcomes:
            break
    assert [outcome.cause for outcome in rig.outcomes] == [Cause.NONE], rig.outcomes
    return moved


def at_times(plan: TaskPlan, times_s: Sequence[float]) -> TaskPlan:
    pairs = zip(plan.steps, times_s, strict=True)
    return replace(plan, steps=tuple(replace(step, time_from_start_s=t) for step, t in pairs))


def agents_times(space: ActionSpace, count: int) -> list[float]:
    """Those that task act gives."""
    return [number / (space.rate_hz or 1.0) for number in range(1, count + 1)]


def planned(space: ActionSpace, rows: Sequence[Sequence[float]], lengths_s: Array) -> Array:
    """(6,) metres and radians that a plan's velocities and relative motions add up to."""
    way = np.zeros(6)
    for index, item in enumerate(space.dimensions):
        if drive_of(item) is Drive.TWIST:
            column = np.array(rows)[:, index]
            way[slot_of(item)] = column.sum() if item.relative else column @ lengths_s
    return way


def lost_in_ramps(space: ActionSpace, rows: Sequence[Sequence[float]], period_s: float) -> Array:
    """(6,) the most that changes of velocity cost; motions lose nothing."""
    lost = np.full(6, 1e-4)
    for index, item in enumerate(space.dimensions):
        if drive_of(item) is Drive.TWIST and not item.relative:
            changes = np.abs(np.diff([0.0, *np.array(rows)[:, index], 0.0]))
            assert item.max_rate is not None
            lost[slot_of(item)] += (changes**2 / (2 * item.max_rate) + changes * period_s).sum()
    return lost


def rows_of(space: ActionSpace) -> st.SearchStrategy[list[list[float]]]:
    """Steps in the ranges of a space; absolute positions not far from home."""
    home = {**dict(zip(JOINTS, HOME, strict=True)), "finger_joint": 0.04}
    columns = []
    for item in space.dimensions:
        if item.levels is not None:
            columns.append(st.sampled_from([float(level) for level in (0, 1)]))
        elif item.joint:
            at, near = home[item.joint], 0.02
            columns.append(st.floats(max(at - near, item.low), min(at + near, item.high)))
        else:
            columns.append(st.floats(item.low, item.high))
    return st.lists(st.tuples(*columns).map(list), min_size=1, max_size=space.chunk)


SLOW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("name", CONTINUOUS)
@SLOW
@given(data=st.data())
def test_what_is_commanded_adds_up_to_what_was_planned(
    make_rig: Callable[..., Rig], name: str, data: st.DataObject
) -> None:
    space = SPACES[name]
    rows = data.draw(rows_of(space))
    gaps_s = data.draw(st.lists(st.floats(0.1, 0.6), min_size=len(rows), max_size=len(rows)))
    times_s = np.cumsum(gaps_s)
    rig = make_rig()
    moved = carry_out(rig, at_times(chunk_plan(space, rows), times_s.tolist()))
    first_s = min(times_s[0], gaps_s[1]) if len(rows) > 1 else 1.0 / (space.rate_hz or 1.0)
    wanted = planned(space, rows, np.array([first_s, *gaps_s[1:]]))
    slack = lost_in_ramps(space, rows, rig.settings.period_s)
    assert (np.abs(moved.way - wanted) <= slack).all(), (moved.way, wanted)
    for index, item in enumerate(space.dimensions):
        if drive_of(item) is Drive.JOINT:
            assert moved.joints[item.joint] == pytest.approx(rows[-1][index], abs=0.021)


@pytest.mark.parametrize("name", CONTINUOUS)
@SLOW
@given(data=st.data())
def test_plan_moves_the_same_way_with_the_agents_times_and_with_none(
    make_rig: Callable[..., Rig], name: str, data: st.DataObject
) -> None:
    space = SPACES[name]
    plan = chunk_plan(space, data.draw(rows_of(space)))
    timed = at_times(plan, agents_times(space, len(plan.steps)))
    untimed, said = carry_out(make_rig(), plan), carry_out(make_rig(), timed)
    np.testing.assert_allclose(untimed.way, said.way, atol=1e-9)
    assert untimed.joints == pytest.approx(said.joints)
    assert [grip for _, grip in untimed.grips] == pytest.approx([grip for _, grip in said.grips])


@SLOW
@given(rows=rows_of(SPACES["ee_delta"]), periods=st.lists(st.floats(0.6, 2.5), min_size=1))
def test_motions_add_up_where_control_periods_are_early_and_late(
    make_rig: Callable[..., Rig], rows: list[list[float]], periods: list[float]
) -> None:
    space = SPACES["ee_delta"]
    moved = carry_out(make_rig(), chunk_plan(space, rows), periods)
    np.testing.assert_allclose(moved.way, planned(space, rows, np.ones(len(rows))), atol=0.03)


@SLOW
@given(names=st.lists(st.sampled_from(["forward", "left", "right"]), min_size=1, max_size=5))
def test_discrete_moves_add_up(make_rig: Callable[..., Rig], names: list[str]) -> None:
    moved = carry_out(make_rig(), moves(*names))
    wanted = np.sum([displacement(SPACES["pointnav"], name) for name in names], axis=0)
    np.testing.assert_allclose(moved.way, wanted, atol=1e-6)


@pytest.mark.parametrize("first_s", [0.0, 0.2])
def test_first_step_has_its_time(make_rig: Callable[..., Rig], first_s: float) -> None:
    space = SPACES["ee_delta"]
    times_s = [first_s + 0.2 * number for number in range(4)]
    rows = [[0.01, *[0.0] * 5, 1.0]] * 4
    moved = carry_out(make_rig(), at_times(chunk_plan(space, rows), times_s))
    assert moved.way[0] == pytest.approx(0.04, abs=1e-4)


def test_step_that_is_due_later_begins_later(make_rig: Callable[..., Rig]) -> None:
    plan = chunk_plan(SPACES["diff_drive"], [[0.3, 0.0]])
    moved = carry_out(make_rig(), at_times(plan, [3.0]))
    assert moved.began_s == pytest.approx(2.9, abs=0.06)
    assert moved.way[0] == pytest.approx(0.03, abs=0.02)


def test_level_is_told_when_its_step_begins(make_rig: Callable[..., Rig]) -> None:
    plan = chunk_plan(SPACES["ee_delta"], [[0.0] * 6 + [1.0], [0.0] * 7])
    moved = carry_out(make_rig(), at_times(plan, [2.0, 2.5]))
    assert moved.grips == [(pytest.approx(1.5, abs=0.06), 1.0), (pytest.approx(2.0, abs=0.06), 0.0)]


def test_joint_is_where_its_step_says_when_it_says(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig()
    rig.at_home()
    row = [0.2, *HOME[1:], 0.04]
    rig.start(at_times(chunk_plan(SPACES["arm7"], [row]), [5.0]), on_demand=True)
    told = []
    for _ in range(100):
        rig.at_home()
        told += [c.points[0].positions[0] for c in rig.tick() if isinstance(c, JointCommand)]
    assert told[49] == pytest.approx(0.1, abs=0.01)
    assert told[95] < 0.2
    assert told[99] == pytest.approx(0.2, abs=0.01)
