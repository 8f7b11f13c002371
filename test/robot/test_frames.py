"""Where frames lie to one another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from uio2_ros.robot.frames import FrameTree, Link
from uio2_ros.robot.poses import Pose3D, planar_quaternion
from uio2_ros.robot.time import to_ns


def test_transforms_add_up_in_both_directions() -> None:
    tree = FrameTree()
    tree.hear(Link("map", "base_link", Pose3D((1, 0, 0), planar_quaternion(math.pi / 2))))
    tree.hear(Link("/base_link", "/camera", Pose3D((0.5, 0, 0))))
    assert tree.poses_in("map")["camera"].position == pytest.approx((1, 0.5, 0))
    assert tree.poses_in("camera")["map"].position == pytest.approx((-0.5, 1, 0))
    assert tree.poses_in("elsewhere") == {"elsewhere": Pose3D()}


def test_the_newest_transform_counts() -> None:
    tree = FrameTree()
    for x in (1.0, 2.0):
        tree.hear(Link("base_link", "camera", Pose3D((x, 0, 0))))
    assert tree.poses_in("base_link")["camera"].position == (2, 0, 0)


def test_a_way_tells_the_links_it_takes() -> None:
    tree = FrameTree()
    tree.hear(Link("map", "odom", Pose3D(), to_ns(1.0)))
    tree.hear(Link("odom", "base_link", Pose3D(), to_ns(2.0)))
    tree.hear(Link("base_link", "camera", Pose3D()))
    tree.hear(Link("base_link", "arm", Pose3D(), to_ns(3.0)))
    way = tree.way("camera", "arm")
    assert way is not None
    assert [(link.child, link.stamp_ns) for link in way.links] == [
        ("camera", None),
        ("arm", to_ns(3.0)),
    ]
    assert tree.way("camera", "nowhere") is None


def test_a_pose_is_the_matrix_that_takes_its_coordinates_to_its_frame() -> None:
    pose = Pose3D((1, 2, 3), planar_quaternion(math.pi / 2))
    np.testing.assert_allclose(pose.matrix @ (1, 0, 0, 1), (1, 3, 3, 1), atol=1e-12)
