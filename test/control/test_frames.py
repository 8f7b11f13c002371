"""Transforms as they are heard, and what is said of frames nobody knows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.control import Cause, FreshFrames, PlanError, Pose3D
from uio2_ros.robot.frames import Link
from uio2_ros.robot.poses import (
    Pose2D,
    from_roll_pitch_yaw,
    planar_quaternion,
    tool_pose,
    unit_quaternion,
    yaw_of,
)
from uio2_ros.robot.time import to_ns

angles = st.floats(-math.pi, math.pi)
lengths = st.floats(-10, 10)
poses = st.builds(
    Pose3D,
    st.tuples(lengths, lengths, lengths),
    st.builds(from_roll_pitch_yaw, angles, angles, angles),
)


def assert_same(found: Pose3D, expected: Pose3D) -> None:
    np.testing.assert_allclose(found.position, expected.position, atol=1e-9)
    same = np.dot(found.quaternion_wxyz, expected.quaternion_wxyz)
    assert abs(same) == pytest.approx(1.0, abs=1e-9)


@given(poses)
def test_way_there_and_back_is_none(pose: Pose3D) -> None:
    assert_same(pose.then(pose.inverse()), Pose3D())
    assert_same(pose.inverse().then(pose), Pose3D())


@given(poses, poses, poses)
def test_transforms_are_found_along_any_branches(up: Pose3D, left: Pose3D, right: Pose3D) -> None:
    tree = FreshFrames(max_age_s=1.0)
    tree.hear(Link("map", "base_link", up))
    tree.hear(Link("base_link", "arm", left))
    tree.hear(Link("base_link", "/camera", right))
    assert_same(tree.pose_of("camera", "map", 0.0), up.then(right))
    assert_same(tree.pose_of("camera", "/arm", 0.0), left.inverse().then(right))
    assert_same(tree.pose_of("map", "arm", 0.0), up.then(left).inverse())


def test_frame_in_itself_needs_no_transform() -> None:
    assert FreshFrames(1.0).pose_of("base_link", "/base_link", 0.0) == Pose3D()


def test_unknown_frame_is_named_with_those_that_are_known() -> None:
    tree = FreshFrames(1.0)
    tree.hear(Link("base_link", "arm", Pose3D()))
    with pytest.raises(PlanError, match=r"from 'table' to 'base_link'.*known are arm") as refused:
        tree.pose_of("table", "base_link", 0.0)
    assert refused.value.cause is Cause.TF_ERROR


def test_old_transform_is_refused_where_it_is_needed_only() -> None:
    tree = FreshFrames(max_age_s=1.0)
    tree.hear(Link("odom", "base_link", Pose3D(), to_ns(10.0)))
    tree.hear(Link("base_link", "arm", Pose3D((1, 0, 0))))
    tree.pose_of("arm", "odom", 11.0)
    with pytest.raises(PlanError, match=r"from 'base_link' to 'odom' is 1.5 s old"):
        tree.pose_of("arm", "odom", 11.5)
    assert tree.pose_of("arm", "base_link", 99.0) == Pose3D((1, 0, 0))


def test_transform_of_a_time_to_come_is_refused() -> None:
    tree = FreshFrames(max_age_s=1.0)
    tree.hear(Link("odom", "base_link", Pose3D(), to_ns(100.0)))
    tree.pose_of("base_link", "odom", 99.6)  # clocks of two machines
    with pytest.raises(PlanError, match=r"is of 50.0 s from now; did the clock jump back") as error:
        tree.pose_of("base_link", "odom", 50.0)
    assert error.value.cause is Cause.TF_ERROR


def test_loop_of_frames_ends() -> None:
    tree = FreshFrames(1.0)
    tree.hear(Link("a", "b", Pose3D()))
    tree.hear(Link("b", "a", Pose3D()))
    with pytest.raises(PlanError):
        tree.pose_of("a", "c", 0.0)


@given(angles)
def test_yaw_comes_back(yaw: float) -> None:
    found = yaw_of(planar_quaternion(yaw))
    assert math.cos(found - yaw) == pytest.approx(1.0)


def test_orientation_that_leaves_the_plane_has_no_yaw() -> None:
    with pytest.raises(ValueError, match="not a turn about z"):
        yaw_of(from_roll_pitch_yaw(0.5, 0.0, 0.0))


@pytest.mark.parametrize("quaternion", [(0, 0, 0, 0), (math.nan, 0, 0, 1)])
def test_quaternion_that_is_no_rotation_is_refused(quaternion: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="is no rotation"):
        unit_quaternion(quaternion)


@given(angles)
def test_tool_points_down_whatever_its_yaw(yaw: float) -> None:
    down = from_roll_pitch_yaw(math.pi, 0.0, 0.0)
    pose = tool_pose(Pose2D(0.4, 0.1, yaw), 0.02, down)
    assert pose.position == (0.4, 0.1, 0.02)
    np.testing.assert_allclose(pose.turn((0, 0, 1)), (0, 0, -1), atol=1e-9)
    np.testing.assert_allclose(pose.turn((1, 0, 0)), (math.cos(yaw), math.sin(yaw), 0), atol=1e-9)
