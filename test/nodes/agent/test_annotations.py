"""What Foxglove draws on the picture is what the answer says, and is of that picture."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("foxglove_msgs", reason="needs foxglove_msgs or its stand-in")

from foxglove_msgs.msg import PointsAnnotation
from nodes.robot import header

from uio2_ros.nodes.agent.annotations import image_annotations
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.viewing.cuboid_edges import projected_edges

pytestmark = pytest.mark.ros

HEADER = header(7, "camera")
CAMERA = CameraModel(640, 480, 500.0, 400.0, 320.0, 240.0)


def spots(lines: PointsAnnotation) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in lines.points]


def test_a_box_is_a_closed_line_with_label_and_score_of_the_pictures_stamp() -> None:
    answer = Answer(detections=(Detection(Box(10, 20, 110, 70), "red cup", 0.5),))
    drawn = image_annotations(answer, HEADER, None)
    (line,), (text,) = drawn.points, drawn.texts
    assert line.type == PointsAnnotation.LINE_LOOP
    assert spots(line) == [(10, 20), (110, 20), (110, 70), (10, 70)]
    assert (text.text, text.position.x, text.position.y) == ("red cup 50%", 10, 20)
    assert line.timestamp == text.timestamp == HEADER.stamp


def test_an_answer_without_places_takes_away_what_was_shown() -> None:
    drawn = image_annotations(Answer(text="yes"), HEADER, CAMERA)
    assert (drawn.circles, drawn.points, drawn.texts) == ([], [], [])


def test_joints_are_circles_and_their_bones_lines_without_a_name_at_each() -> None:
    points = (
        Point("left shoulder", 1, 2),
        Point("left elbow", 3, 4),
        Point("left wrist", 5, 6, visible=False),
    )
    drawn = image_annotations(Answer(keypoints=(PointSet("person", None, points),)), HEADER, None)
    assert [(one.position.x, one.position.y) for one in drawn.circles] == [(1, 2), (3, 4)]
    (bones,) = drawn.points
    assert (bones.type, spots(bones)) == (PointsAnnotation.LINE_LIST, [(1, 2), (3, 4)])
    assert drawn.texts == []
    named = PointSet("mug", None, (Point("handle", 1, 2),))
    assert [one.text for one in image_annotations(Answer(keypoints=(named,)), HEADER, None).texts]


def test_a_cuboid_is_its_edges_where_the_camera_is_calibrated() -> None:
    cuboid = Cuboid("box", (0, 0, 2), (0.2, 0.2, 0.2), (1, 0, 0, 0))
    answer = Answer(cuboids=(cuboid,))
    assert not image_annotations(answer, HEADER, None).points
    (lines,) = image_annotations(answer, HEADER, CAMERA).points
    assert lines.type == PointsAnnotation.LINE_LIST
    np.testing.assert_allclose(spots(lines), projected_edges(cuboid, CAMERA).reshape(-1, 2))


def test_each_part_of_a_mask_is_outlined_and_the_largest_named() -> None:
    pixels = np.zeros((100, 100), np.uint8)
    pixels[10:30, 10:30] = pixels[60:65, 60:65] = 255
    drawn = image_annotations(Answer(pictures=(Picture("mask", pixels, "cup"),)), HEADER, None)
    assert [sorted(spots(line))[0] for line in drawn.points] == [(10, 10), (60, 60)]
    assert [(one.text, one.position.x) for one in drawn.texts] == [("cup 100%", 10)]
