"""Markers become shapes with RViz' semantics, and frames come together as TF says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.frames import FrameTree, Link
from uio2_ros.robot.poses import Pose3D
from uio2_ros.viewing.marker_board import MarkerAction, MarkerBoard, MarkerKind, marker_shapes
from uio2_ros.viewing.scene import Eye, Scene, depth_cloud, scenes_of
from uio2_ros.viewing.shapes import (
    BLUE,
    GREEN,
    RED,
    Dots,
    Faces,
    Label,
    Line,
    arrow,
    axes,
    box,
    frustum,
)

CAMERA = CameraModel(640, 480, 500.0, 400.0, 320.0, 240.0)
WHITE = (1.0, 1.0, 1.0, 1.0)


def xyz(x: float, y: float, z: float) -> SimpleNamespace:
    return SimpleNamespace(x=x, y=y, z=z)


def marker(kind: int = MarkerKind.SPHERE, *, frame: str = "camera", **fields: Any) -> Any:
    """Anything with the fields of a visualization_msgs/Marker."""
    values = {
        "header": SimpleNamespace(frame_id=frame),
        "ns": "kind",
        "id": 0,
        "type": kind,
        "action": MarkerAction.ADD,
        "pose": SimpleNamespace(
            position=xyz(1, 2, 3), orientation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
        ),
        "scale": xyz(0.1, 0.2, 0.3),
        "color": SimpleNamespace(r=1.0, g=0.5, b=0.0, a=1.0),
        "points": [],
        "text": "",
    }
    return SimpleNamespace(**values | fields)


def array(*markers: Any) -> SimpleNamespace:
    return SimpleNamespace(markers=list(markers))


def tree_of(*links: tuple[str, str, tuple[float, float, float]]) -> FrameTree:
    """Of parents, children and where they lie, not turned."""
    tree = FrameTree()
    for parent, child, place in links:
        tree.hear(Link(parent, child, Pose3D(place)))
    return tree


def labels(scene: Scene) -> dict[str, np.ndarray]:
    return {shape.text: shape.points[0] for shape in scene.shapes if isinstance(shape, Label)}


# Markers.


def test_a_marker_is_replaced_deleted_and_cleared() -> None:
    board = MarkerBoard()
    board.update(array(marker(id=0), marker(id=1), marker(id=0, ns="other")))
    board.update(array(marker(MarkerKind.CUBE, id=1)))
    assert [type(shape) for _, shape in board.shapes()] == [Dots, Faces, Dots]
    board.update(array(marker(id=0, action=MarkerAction.DELETE)))
    assert len(board.shapes()) == 2
    board.update(array(marker(ns="other", action=MarkerAction.DELETEALL)))
    assert [type(shape) for _, shape in board.shapes()] == [Faces]
    board.update(array(marker(ns="", action=MarkerAction.DELETEALL)))
    assert board.shapes() == []


def test_points_are_told_from_the_pose() -> None:
    strip = marker(MarkerKind.LINE_STRIP, points=[xyz(0, 0, 0), xyz(1, 0, 0)])
    (line,) = marker_shapes(strip)
    assert isinstance(line, Line)
    assert line.points.tolist() == [[1, 2, 3], [2, 2, 3]]
    assert (line.width, line.color) == (0.1, (1.0, 0.5, 0.0, 1.0))


def test_pairs_of_points_are_lines_of_their_own() -> None:
    ends = [xyz(n, 0, 0) for n in range(4)]
    assert len(list(marker_shapes(marker(MarkerKind.LINE_LIST, points=ends)))) == 2


def test_an_arrow_goes_from_point_to_point_or_along_x() -> None:
    pointed = marker(MarkerKind.ARROW, points=[xyz(0, 0, 0), xyz(0, 1, 0)])
    _, head = marker_shapes(pointed)
    assert head.points.reshape(-1, 3).max(axis=0)[1] == pytest.approx(2 + 1)
    _, head = marker_shapes(marker(MarkerKind.ARROW))
    assert head.points.reshape(-1, 3).max(axis=0)[0] == pytest.approx(1 + 0.1)


@pytest.mark.parametrize("kind", list(MarkerKind))
def test_every_kind_has_finite_shapes(kind: MarkerKind) -> None:
    points = [xyz(n, n * n, 1) for n in range(6)]
    for shape in marker_shapes(marker(kind, points=points[:2] if kind == 0 else points)):
        assert np.isfinite(shape.points).all()


def test_what_is_not_drawn_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"kind/0 has type 10.*expected one of ARROW"):
        list(marker_shapes(marker(10)))
    with pytest.raises(InvalidInputError, match="action 7 is unknown"):
        MarkerBoard().update(array(marker(action=7)))


# Shapes.


def test_axes_are_red_green_blue() -> None:
    *lines, label = axes(np.eye(4), "base_link", 0.5)
    assert [line.color for line in lines] == [RED, GREEN, BLUE]
    np.testing.assert_allclose([line.points[1] for line in lines], 0.5 * np.eye(3))
    assert label.text == "base_link"


def test_a_box_has_six_faces_of_its_size() -> None:
    body = box(np.eye(4), (1, 2, 3), WHITE)
    assert body.points.shape == (6, 4, 3)
    assert np.ptp(body.points.reshape(-1, 3), axis=0).tolist() == [1, 2, 3]
    assert all((np.ptp(face, axis=0) == 0).sum() == 1 for face in body.points)


def test_an_arrow_without_length_is_nothing() -> None:
    assert arrow(np.zeros(3), np.zeros(3), WHITE, 0.1, 0.2) == []


def test_the_view_of_a_camera_goes_through_the_corners_of_its_picture() -> None:
    rays = [shape for shape in frustum(CAMERA, 2.0) if len(shape.points) == 2]
    corner = rays[2].points[1]
    assert corner.tolist() == pytest.approx([320 / 500 * 2, 240 / 400 * 2, 2])


def test_depth_is_dots_where_it_is_known() -> None:
    metres = np.full((480, 640), 2.0, np.float32)
    metres[:240] = np.nan
    metres[:, :320] = 0
    cloud = depth_cloud(metres, np.full((480, 640, 3), 255, np.uint8), CAMERA)
    assert 500 < len(cloud.points) <= 1100
    assert (cloud.points >= (0, 0, 2)).all()
    assert (cloud.colors == 1).all()


# Frames.


def test_connected_frames_are_one_scene_in_base_link() -> None:
    tree = tree_of(("base_link", "camera", (0, 0, 1)))
    ball, text = Dots(np.zeros((1, 3)), np.ones((1, 4)), 0.1), Label(np.zeros((1, 3)), "cup", WHITE)
    (scene,) = scenes_of([("camera", text), ("base_link", ball)], tree, Eye("camera", CAMERA))
    assert scene.title == "base_link"
    assert set(labels(scene)) == {"cup", "base_link", "camera"}
    np.testing.assert_allclose(labels(scene)["cup"], (0, 0, 1))


def test_a_frame_can_be_asked_for() -> None:
    tree = tree_of(("base_link", "camera", (0, 0, 1)))
    text = Label(np.zeros((1, 3)), "cup", WHITE)
    (scene,) = scenes_of([("base_link", text)], tree, Eye("lidar", None), "camera")[:1]
    assert scene.title == "camera"
    np.testing.assert_allclose(labels(scene)["cup"], (0, 0, -1))


def test_without_tf_each_frame_is_a_scene_and_the_cameras_is_upright() -> None:
    ahead = Label(np.array([[0.0, -0.5, 2.0]]), "above and ahead", WHITE)
    text = Label(np.zeros((1, 3)), "plan", WHITE)
    scenes = scenes_of([("camera", ahead), ("base_link", text)], FrameTree(), Eye("camera", CAMERA))
    assert [scene.title for scene in scenes] == ["camera, turned upright", "base_link"]
    np.testing.assert_allclose(labels(scenes[0])["above and ahead"], (2.0, 0.0, 0.5))


def test_many_frames_show_only_those_in_use() -> None:
    tree = tree_of(*(("base_link", f"link{n}", (0, 0, n)) for n in range(30)))
    text = Label(np.zeros((1, 3)), "cup", WHITE)
    (scene,) = scenes_of([("link3", text)], tree, None)
    assert set(labels(scene)) == {"cup", "base_link", "link3"}
