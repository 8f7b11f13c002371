"""Poses of an answer are TF frames under the frame they are told in."""

from __future__ import annotations

import math

import pytest
from nodes.robot import header

from uio2_ros.nodes.agent.answer_frames import answer_frames
from uio2_ros.robot.answer import Answer, Cuboid
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

pytestmark = pytest.mark.ros

HEADER = header(7, "camera")
CUBOID = Cuboid("cup", (1.0, 2.0, 3.0), (0.1, 0.2, 0.3), (0.0, 0.0, 1.0, 0.0))


def test_cuboids_are_children_of_the_cameras_frame() -> None:
    first, second = answer_frames(Answer(cuboids=(CUBOID, CUBOID)), HEADER, "answer_")
    assert (first.header, first.child_frame_id) == (HEADER, "answer_cuboid_0")
    assert second.child_frame_id == "answer_cuboid_1"
    moved, turned = first.transform.translation, first.transform.rotation
    assert (moved.x, moved.y, moved.z) == (1.0, 2.0, 3.0)
    assert (turned.w, turned.x, turned.y, turned.z) == (0.0, 0.0, 1.0, 0.0)


def test_picks_and_places_are_children_of_the_plans_frame() -> None:
    start, end = Pose2D(0.5, 0.1, math.pi), Pose2D(0.3, 0, 0)
    steps = (
        Step(ActionKind.DISCRETE, "stop"),
        Step(ActionKind.PICK_PLACE, "pick and place", start, end),
        Step(ActionKind.PUSH, "push", start, end),
    )
    frames = answer_frames(Answer(plan=TaskPlan("vima", steps, "base_link")), HEADER, "")
    names = [frame.child_frame_id for frame in frames]
    assert names == ["pick_1", "place_1", "push_start_2", "push_end_2"]
    assert {frame.header.frame_id for frame in frames} == {"base_link"}
    assert {frame.header.stamp.nanosec for frame in frames} == {7}
    assert frames[0].transform.rotation.z == pytest.approx(1)


def test_what_tf_has_no_place_for_is_left_out() -> None:
    lost = Cuboid("cup", (math.nan, 0.0, 1.0), (0.1, 0.1, 0.1), (1.0, 0.0, 0.0, 0.0))
    assert answer_frames(Answer(cuboids=(lost,)), HEADER, "") == []
    assert answer_frames(Answer(cuboids=(CUBOID,)), header(7, ""), "") == []
