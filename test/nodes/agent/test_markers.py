"""Markers show the last answer and nothing older, where it is."""

from __future__ import annotations

import itertools
import math

import pytest
from nodes.robot import header
from visualization_msgs.msg import Marker

from uio2_ros.nodes.agent.markers import BOX_DISTANCE_M, NAMESPACES, marker_array
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D

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


@pytest.mark.parametrize("label", ["", " "])
def test_a_label_without_words_is_no_text(label: str) -> None:
    answer = Answer(detections=(Detection(Box(0, 0, 9, 9), label),))
    markers = marker_array(answer, HEADER, CAMERA).markers
    assert [one.type for one in markers[1:]] == [Marker.LINE_STRIP]
    assert [one.id for one in markers] == [0, 1]


def test_without_intrinsics_a_box_has_no_place() -> None:
    answer = Answer(detections=(Detection(Box(0, 0, 9, 9), "cup"),))
    assert len(marker_array(answer, HEADER, None).markers) == 1


def test_plan_is_an_arrow_in_its_own_frame() -> None:
    steps = (
        Step(ActionKind.PICK_PLACE, "pick and place", Pose2D(0.5, 0, 0), Pose2D(0.5, 0.25, 0)),
        Step(ActionKind.DISCRETE, "stop"),
        Step(ActionKind.PUSH, "push", Pose2D(0.5, 0, 0), Pose2D(0.25, 0, 0)),
    )
    answer = Answer(plan=TaskPlan("vima", steps, "base_link"))
    markers = marker_array(answer, HEADER, None).markers[1:]
    move = [Marker.SPHERE, Marker.ARROW, Marker.TEXT_VIEW_FACING]
    assert [m.type for m in markers] == move * 2
    assert [m.ns for m in markers] == ["pick_place"] * 3 + ["push"] * 3
    assert {m.header.frame_id for m in markers} == {"base_link"}
    assert (markers[1].points[1].y, markers[2].text) == (0.25, "1: pick and place")
    assert (markers[4].points[1].x, markers[5].text) == (0.25, "3: push")


def test_moves_of_a_base_are_a_path() -> None:
    space = load_action_spaces()["pointnav"]
    names = ("forward", "left", "forward", "stop")
    steps = tuple(
        Step(
            ActionKind.DISCRETE,
            name,
            dimension_names=space.dimension_names,
            values=space.action(name).values,
        )
        for name in names
    )
    answer = Answer(plan=TaskPlan("pointnav", steps, "base_link"))
    label, line, arrow = marker_array(answer, HEADER, None, space).markers[1:]
    assert {marker.ns for marker in (line, arrow, label)} == {"path"}
    assert (line.type, line.header.frame_id, len(line.points)) == (
        Marker.LINE_STRIP,
        "base_link",
        5,
    )
    assert line.points[-1].x == pytest.approx(0.25 + 0.25 * math.cos(math.radians(10)))
    assert arrow.points[1].y > arrow.points[0].y > 0
    assert label.text == "stop"
    assert len(marker_array(answer, HEADER, None).markers) == 1  # of an unknown space


def test_a_base_that_stays_is_a_ball() -> None:
    space = load_action_spaces()["pointnav"]
    stop = Step(ActionKind.DISCRETE, "stop", values=space.action("stop").values)
    answer = Answer(plan=TaskPlan("pointnav", (stop,), "base_link"))
    label, ball = marker_array(answer, HEADER, None, space).markers[1:]
    assert (label.text, ball.type) == ("stop", Marker.SPHERE)


def test_cuboid_has_a_body_edges_and_a_label() -> None:
    cuboid = Cuboid("box", (1, 2, 3), (0.2, 0.4, 0.6), (1, 0, 0, 0))
    body, outline, label = marker_array(Answer(cuboids=(cuboid,)), HEADER, None).markers[1:]
    assert (body.type, body.scale.z, body.color.a < 0.5) == (Marker.CUBE, 0.6, True)
    assert (outline.type, len(outline.points)) == (Marker.LINE_LIST, 24)
    spots = {(round(p.x, 6), round(p.y, 6), round(p.z, 6)) for p in outline.points}
    assert spots == set(itertools.product((0.9, 1.1), (1.8, 2.2), (2.7, 3.3)))
    assert label.text == "box"


def test_visible_keypoints_and_their_bones() -> None:
    points = (
        Point("left shoulder", 320, 240),
        Point("left elbow", 420, 240),
        Point("left wrist", 0, 0, visible=False),
    )
    answer = Answer(keypoints=(PointSet("person", None, points),))
    joints, bones = marker_array(answer, HEADER, CAMERA).markers[1:]
    assert (joints.type, len(joints.points)) == (Marker.SPHERE_LIST, 2)
    assert joints.points[1].x == pytest.approx(0.2 * BOX_DISTANCE_M)
    assert bones.points == joints.points


def everything() -> Answer:
    space = load_action_spaces()["pointnav"]
    walk = Step(ActionKind.DISCRETE, "forward", values=space.action("forward").values)
    pick = Step(ActionKind.PICK_PLACE, "pick", Pose2D(0.5, 0, 0), Pose2D(0.5, 0.25, 0))
    push = Step(ActionKind.PUSH, "push", Pose2D(0.5, 0, 0), Pose2D(0.5, 0.25, 0))
    return Answer(
        detections=(Detection(Box(0, 0, 9, 9), "cup"),) * 2,
        cuboids=(Cuboid("box", (1, 2, 3), (0.1, 0.2, 0.3), (1, 0, 0, 0)),) * 2,
        keypoints=(PointSet("person", None, (Point("nose", 1, 2),)),),
        plan=TaskPlan("pointnav", (pick, push, walk), "base_link"),
    )


def test_each_kind_has_a_namespace_and_each_marker_an_id() -> None:
    space = load_action_spaces()["pointnav"]
    markers = marker_array(everything(), HEADER, CAMERA, space).markers
    assert {marker.ns for marker in markers[1:]} == set(NAMESPACES)
    assert [marker.id for marker in markers] == list(range(len(markers)))
    assert {(m.lifetime.sec, m.lifetime.nanosec) for m in markers} == {(0, 0)}
    assert {marker.pose.orientation.w for marker in markers[1:]} == {1.0}


def test_the_next_answer_leaves_nothing_of_the_last_one() -> None:
    """RViz keeps markers by namespace and id; DELETEALL without a namespace is for all of them."""
    shown: dict[tuple[str, int], Marker] = {}
    space = load_action_spaces()["pointnav"]
    for answer in (everything(), Answer(detections=(Detection(Box(0, 0, 9, 9), "cup"),))):
        for marker in marker_array(answer, HEADER, CAMERA, space).markers:
            if marker.action == Marker.DELETEALL:
                shown = {key: m for key, m in shown.items() if marker.ns and key[0] != marker.ns}
            else:
                shown[marker.ns, marker.id] = marker
    assert {key[0] for key in shown} == {"detections"}
    assert len(shown) == 2
