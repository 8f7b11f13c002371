"""Answers as SVG over the live picture."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from uio2_ros.page.overlay import OverlayView, svg_of
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D, Pose3D

CAMERA = CameraModel(640, 480, 500.0, 500.0, 319.5, 239.5)
VIEW = OverlayView(640, 480, camera=CAMERA, plan_frame=Pose3D((0.0, 0.0, 2.0)))
PICK = Step(ActionKind.PICK_PLACE, "pick and place", Pose2D(0.0, 0.0, 0), Pose2D(0.4, 0.2, 0))


def elements(answer: Answer, view: OverlayView = VIEW) -> dict[str, list[ElementTree.Element]]:
    found: dict[str, list[ElementTree.Element]] = {}
    for element in ElementTree.fromstring(svg_of(answer, view)).iter():
        found.setdefault(element.get("class", element.tag), []).append(element)
    return found


def test_a_detection_is_a_box_where_it_is_with_its_label() -> None:
    drawn = elements(Answer(detections=(Detection(Box(10, 60, 110, 160), "cup", 0.9),)))
    (box,) = drawn["uio2-box"]
    assert [box.get(name) for name in ("x", "y", "width", "height")] == [
        "10.0",
        "60.0",
        "100.0",
        "100.0",
    ]
    assert drawn["uio2-label"][0].text == "cup 90%"


def test_pictures_that_are_shown_smaller_are_drawn_smaller() -> None:
    svg = svg_of(Answer(), OverlayView(1920, 1080, scale=0.5))
    assert ElementTree.fromstring(svg).get("transform") == "scale(0.50000)"


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", '"/><image href="x"/>', "a&b"])
def test_a_label_stays_text_whatever_it_holds(label: str) -> None:
    answer = Answer(
        detections=(Detection(Box(0, 0, 9, 9), label),),
        keypoints=(PointSet(label, None, (Point(label, 1, 1),)),),
        cuboids=(Cuboid(label, (0, 0, 2), (1, 1, 1), (1, 0, 0, 0)),),
    )
    drawn = elements(answer)
    assert not drawn.keys() & {"script", "image"}
    assert drawn["uio2-label"][0].text == f"{label} 100%"


def test_a_plan_goes_from_where_to_where_the_camera_sees_it() -> None:
    drawn = elements(Answer(plan=TaskPlan("vima", (PICK,), "base_link")))
    (start, *_) = drawn["circle"]
    assert (float(start.get("cx", 0)), float(start.get("cy", 0))) == pytest.approx((319.5, 239.5))
    assert drawn["path"][0].get("d", "").endswith("419.5,289.5")


@pytest.mark.parametrize(
    "view",
    [
        OverlayView(640, 480),
        OverlayView(640, 480, camera=CAMERA),
        OverlayView(640, 480, camera=CAMERA, plan_frame=Pose3D((0.0, 0.0, -1.0))),
    ],
)
def test_a_plan_is_not_drawn_where_the_camera_does_not_see_it(view: OverlayView) -> None:
    answer = Answer(plan=TaskPlan("vima", (PICK,), "base_link"))
    assert "uio2-step" not in elements(answer, view)


def test_points_that_are_not_visible_are_left_out() -> None:
    points = (Point("nose", 5, 5), Point("ear", 9, 9, visible=False))
    assert len(elements(Answer(keypoints=(PointSet("cat", None, points),)))["uio2-point"]) == 1
