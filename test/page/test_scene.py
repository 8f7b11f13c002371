"""What the 3D scene shows."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs the ROS environment of ./uio2")

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import Header
from uio2_ros.msg import SimulatedObject, SimulationState

from uio2_ros.page.scene import (
    Caption,
    SceneSolid,
    Segment,
    SolidForm,
    items_of_answer,
    items_of_simulation,
)
from uio2_ros.viewing.scene import Scene
from uio2_ros.viewing.shapes import Label, box, grid

AHEAD = Pose(position=Point(x=0.5), orientation=Quaternion(w=1.0))


def state(label: str, frame: str = "base_link") -> SimulationState:
    thing = SimulatedObject(name="a", label=label, pose=AHEAD, size=Vector3(x=0.1, y=0.1, z=0.2))
    return SimulationState(header=Header(frame_id=frame), objects=[thing], robot=AHEAD)


@pytest.mark.parametrize(
    ("label", "form", "color"),
    [
        ("red cube", SolidForm.BOX, "#d64541"),
        ("blue ball", SolidForm.SPHERE, "#3a6fd8"),
        ("green mug", SolidForm.CYLINDER, "#3fa34d"),
        ("strange thing", SolidForm.BOX, "#9aa5b1"),
    ],
)
def test_an_object_stands_on_its_pose_and_looks_as_its_label_says(
    label: str, form: SolidForm, color: str
) -> None:
    body, _ = items_of_simulation(state(label))
    assert isinstance(body, SceneSolid)
    assert (body.form, body.color, body.name) == (form, color, label)
    assert body.center == (0.5, 0.0, 0.1)


def test_what_was_moved_looks_the_same() -> None:
    here, there = state("red cube"), state("red cube")
    there.objects[0].pose = Pose(position=Point(x=0.1), orientation=Quaternion(z=1.0, w=0.0))
    (first, _), (second, _) = items_of_simulation(here), items_of_simulation(there)
    assert isinstance(first, SceneSolid)
    assert isinstance(second, SceneSolid)
    assert first != second
    assert first.looks == second.looks


def test_a_box_is_its_twelve_edges_and_the_grid_is_left_to_the_viewer() -> None:
    shapes = (
        box(np.eye(4), (1, 1, 1), (1, 0, 0, 1)),
        *grid(np.zeros(3), 1.0, 0.5),
        Label(np.zeros((1, 3)), "cup", (1, 1, 1, 1)),
    )
    items = items_of_answer(Scene("base_link", shapes))
    assert sum(isinstance(item, Segment) for item in items) == 12
    assert [item.text for item in items if isinstance(item, Caption)] == ["cup"]
    assert len(items) == 13
