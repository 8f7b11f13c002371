import numpy as np
import pytest
from transforms3d.euler import euler2mat

from uio2_ros.decoding import MetricBoxes, edges_ahead, outlines
from uio2_ros.robot.camera_model import CameraModel

CAMERA = CameraModel(640, 480, 100.0, 200.0, 320.0, 240.0)


def box(center, size, rotation=None):
    turn = np.eye(3) if rotation is None else rotation
    return MetricBoxes(np.array([center], float), np.array([size], float), turn[None])


def test_an_unturned_box_covers_what_its_near_face_does():
    (found,) = outlines(box([0.0, 0.0, 5.0], [2.0, 1.0, 2.0]), CAMERA)
    # the near face is 4 m away: 100 * 1 / 4 to both sides, 200 * 0.5 / 4 up and down
    assert found == pytest.approx([320 - 25, 240 - 25, 320 + 25, 240 + 25])


def test_every_corner_lies_in_the_outline():
    one = box([0.4, -0.2, 6.0], [1.0, 2.0, 3.0], euler2mat(0.4, 0.8, -0.3))
    x, y, z = one.corners[0].T
    camera = CAMERA
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    assert outlines(one, camera)[0] == pytest.approx([u.min(), v.min(), u.max(), v.max()])


def test_edges_are_the_twelve_sides():
    edges = edges_ahead(box([0, 0, 5], [1.0, 2.0, 3.0]))[0]
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=-1)
    assert sorted(lengths.round(6)) == [1.0] * 4 + [2.0] * 4 + [3.0] * 4


def test_what_lies_behind_the_camera_is_cut_off():
    through = outlines(box([0.5, 0.0, 0.5], [0.2, 0.2, 4.0]), CAMERA)[0]
    assert np.isfinite(through).all()
    assert through[0] == pytest.approx(100 * 0.4 / 2.5 + 320)  # the far end
    assert through[2] > 5000  # the near end is at the camera's side
    behind = MetricBoxes(np.array([[0, 0, -5.0]]), np.ones((1, 3)), np.eye(3)[None])
    assert np.isnan(outlines(behind, CAMERA)).all()


def test_no_boxes_have_no_outlines():
    none = MetricBoxes(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3, 3)))
    assert outlines(none, CAMERA).shape == (0, 4)
