"""Steps of a plan as `./uio2 ask` tells them: with everything that a robot would need."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

from uio2_ros.cli.ask import _step_json, _step_text
from uio2_ros.robot.plan import ActionKind, Step
from uio2_ros.robot.poses import Pose2D

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
    assert _step_text(PICK) == shown
    assert _step_json(PICK)["start"] == {"x": 0.5, "y": -0.25, "yaw": math.pi / 2}


def test_continuous_steps_have_their_time() -> None:
    assert _step_text(MOVE) == "arm at 0.2 s: j1=0.500 gripper=0.040"
    step = _step_json(MOVE)
    assert (step["start"], step["values"]) == (None, {"j1": 0.5, "gripper": 0.04})
    assert step["time_from_start_s"] == 0.2


def test_named_moves_have_no_time() -> None:
    move = Step(ActionKind.DISCRETE, "stop", dimension_names=("forward",), values=(0.0,))
    assert _step_text(move) == "stop forward=0.000"
