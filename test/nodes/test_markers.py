"""Markers show the last answer and nothing older, where it is."""

from __future__ import annotations

import pytest
from nodes.robot import header
from visualization_msgs.msg import Marker

from uio2_ros.nodes.markers import BOX_DISTANCE_M, marker_array
from uio2_ros.tasks.answer import ActionKind, Answer, Cuboid, Detection, Pose2D, Step, TaskPlan
from uio2_ros.tasks.instruction import Box, CameraModel

pytestmark = pytest.mark.ros

HEADER = header(7, "camera")
CAMERA = CameraModel(640, 480, 500.0, 400.0, 320.0, 240.0)


def test_empty_answer_deletes_what_was_shown() -> None:
    (marker,) = marker_array(Answer(), HEADER, CAMERA).markers
    assert (marker.action, marker.header) == (Marker.DELETEALL, HEADER)


def test_box_lies_on_the_rays_of_its_corners() -> None:
    answer = Answer(detections=(Detection(Box(320, 240, 820, 640), "cup"),))
    _, outline, label = marker_array(answer, HEADER, CAMERA).markers
    corner = outline.points[2]
    assert (corner.x, corner.y, corner.z) == (BOX_DISTANCE_M, BOX_DISTANCE_M, BOX_DISTANCE_M)
    assert outline.points[0] == outline.points[-1]
    assert (label.text, label.type) == ("cup", Marker.TEXT_VIEW_FACING)


def test_without_intrinsics_a_box_has_no_place() -> None:
    answer = Answer(detections=(Detection(Box(0, 0, 9, 9), "cup"),))
    assert len(marker_array(answer, HEADER, None).markers) == 1


def test_plan_is_an_arrow_in_its_own_frame() -> None:
    steps = (
        Step(ActionKind.PICK_PLACE, "pick and place", Pose2D(0.5, 0, 0), Pose2D(0.5, 0.25, 0)),
        Step(ActionKind.DISCRETE, "stop"),
    )
    answer = Answer(plan=TaskPlan("vima", steps, "base_link"))
    markers = marker_array(answer, HEADER, None).markers[1:]
    assert [m.type for m in markers] == [Marker.SPHERE, Marker.ARROW, Marker.TEXT_VIEW_FACING]
    assert {m.header.frame_id for m in markers} == {"base_link"}
    assert (markers[1].points[1].y, markers[2].text) == (0.25, "1: pick and place")


def test_cuboid_and_ids() -> None:
    cuboid = Cuboid("box", (1, 2, 3), (0.1, 0.2, 0.3), (1, 0, 0, 0))
    markers = marker_array(Answer(cuboids=(cuboid, cuboid)), HEADER, None).markers
    assert [marker.id for marker in markers] == [0, 1, 2, 3, 4]
    assert (markers[1].type, markers[1].scale.z) == (Marker.CUBE, 0.3)
