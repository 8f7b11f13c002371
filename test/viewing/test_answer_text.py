"""Steps of a plan in words: with everything that a robot would need."""

from __future__ import annotations

import math

from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D
from uio2_ros.viewing.answer_text import step_json, step_text

PICK = Step(
    ActionKind.PICK_PLACE, "pick and place", Pose2D(0.5, -0.25, math.pi / 2), Pose2D(0.3, 0.1, 0.0)
)
MOVE = Step(
    ActionKind.CONTINUOUS,
    "arm",
    dimension_names=("j1", "gripper"),
    values=(0.5, 0.04),
    time_from_start_s=0.2,
)


def test_poses_have_their_yaw() -> None:
    shown = "pick and place (0.500 m, -0.250 m, 90 deg) -> (0.300 m, 0.100 m, 0 deg)"
    assert step_text(PICK) == shown
    assert step_json(PICK)["start"] == {"x": 0.5, "y": -0.25, "yaw": math.pi / 2}


def test_continuous_steps_have_their_time() -> None:
    assert step_text(MOVE) == "arm at 0.2 s: j1=0.500 gripper=0.040"
    step = step_json(MOVE)
    assert (step["start"], step["values"]) == (None, {"j1": 0.5, "gripper": 0.04})
    assert step["time_from_start_s"] == 0.2


def test_named_moves_have_no_time() -> None:
    move = Step(ActionKind.DISCRETE, "stop", dimension_names=("forward",), values=(0.0,))
    assert step_text(move) == "stop forward=0.000"
