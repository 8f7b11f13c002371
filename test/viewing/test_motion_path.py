"""Moves add up to a path: of bases along their own axes, of end effectors along the frame's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.viewing.motion_path import MotionPath, motion_path, value_rows

SPACES = load_action_spaces()


def walk(*names: str) -> MotionPath:
    space = SPACES["pointnav"]
    steps = tuple(
        Step(ActionKind.DISCRETE, name, values=space.action(name).values) for name in names
    )
    path = motion_path(TaskPlan("pointnav", steps), space)
    assert path is not None
    return path


def drive(name: str, rows: Sequence[Sequence[float]]) -> MotionPath | None:
    space = SPACES[name]
    steps = tuple(
        Step(
            ActionKind.CONTINUOUS,
            name,
            dimension_names=space.dimension_names,
            values=tuple(row),
        )
        for row in rows
    )
    return motion_path(TaskPlan(name, steps), space)


def test_a_base_goes_where_it_has_turned_to() -> None:
    path = walk(*["left"] * 9, "forward", "forward")
    np.testing.assert_allclose(path.points[-1], (0, 0.5, 0), atol=1e-9)
    assert path.headings[-1] == pytest.approx(math.pi / 2)
    assert len(path.points) == len(path.headings) == 12


def test_velocities_last_for_a_step_and_make_an_arc() -> None:
    rate, count = SPACES["diff_drive"].rate_hz, 200
    assert rate is not None
    turn = math.pi / 2 * rate / count  # a quarter of a circle in all
    path = drive("diff_drive", [(0.5, turn)] * count)
    assert path is not None
    radius = 0.5 / turn
    np.testing.assert_allclose(path.points[-1], (radius, radius, 0), rtol=1e-4)


def test_an_end_effector_moves_along_the_axes_of_the_frame() -> None:
    moves = [(0.02, 0.0, 0.01, 0.0, 0.0, 0.25, 1.0)] * 3
    path = drive("ee_delta", moves)
    assert path is not None
    np.testing.assert_allclose(path.points[-1], (0.06, 0.0, 0.03))


def test_joints_and_primitives_have_no_path() -> None:
    assert drive("arm7", [(0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.04)]) is None
    pick = Step(ActionKind.PICK_PLACE, "pick", Pose2D(0.3, 0, 0), Pose2D(0.4, 0, 0))
    assert motion_path(TaskPlan("vima", (pick,)), SPACES["vima"]) is None


def test_staying_is_still_and_turning_is_not() -> None:
    assert walk("stop").is_still
    assert not walk("left").is_still
    assert not walk("forward").is_still


def test_values_are_told_by_dimension() -> None:
    steps = [
        Step(ActionKind.CONTINUOUS, "arm", dimension_names=("a", "b"), values=values)
        for values in ((1.0, 2.0), (3.0, 4.0))
    ]
    rows = value_rows(steps)
    assert {name: values.tolist() for name, values in rows.items()} == {"a": [1, 3], "b": [2, 4]}
    assert value_rows([Step(ActionKind.DISCRETE, "stop")]) == {}
