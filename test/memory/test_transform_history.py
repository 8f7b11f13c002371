"""Frames are where they were at the moment asked for, or it is said why that is not known."""

from __future__ import annotations

import math
import threading
import time

import pytest

from uio2_ros.memory.transform_history import TransformError, TransformHistory
from uio2_ros.robot.frames import Link
from uio2_ros.robot.poses import Pose3D, planar_quaternion
from uio2_ros.robot.time import to_ns


def moving() -> TransformHistory:
    """A base that drives 1 m and turns by a right angle in a second, with a camera on it."""
    history = TransformHistory()
    history.hear(Link("base", "camera", Pose3D((0.5, 0.0, 1.0))))
    history.hear(Link("odom", "base", Pose3D(), to_ns(10.0)))
    turned = planar_quaternion(math.pi / 2)
    history.hear(Link("odom", "base", Pose3D((1.0, 0.0, 0.0), turned), to_ns(11.0)))
    return history


def test_between_two_transforms_a_pose_is_interpolated() -> None:
    pose = moving().pose_of("camera", "/odom", to_ns(10.5))
    half = math.sqrt(0.5) / 2
    assert pose.position == pytest.approx((0.5 + half, half, 1.0))


def test_there_and_back_is_nowhere() -> None:
    history = moving()
    there = history.pose_of("camera", "odom", to_ns(10.25))
    back = history.pose_of("odom", "camera", to_ns(10.25))
    assert there.then(back).position == pytest.approx((0, 0, 0), abs=1e-9)


@pytest.mark.parametrize(
    ("source", "at_s", "says"),
    [
        ("camera", 11.5, "0.500 s after the newest"),
        ("camera", 9.0, "1.000 s before the oldest"),
        ("gripper", 10.5, "no transform from 'gripper' to 'odom'"),
    ],
)
def test_what_is_not_known_is_no_guess(source: str, at_s: float, says: str) -> None:
    with pytest.raises(TransformError, match=says):
        moving().pose_of(source, "odom", to_ns(at_s))


def test_the_newest_of_each_frame_may_be_asked_for() -> None:
    pose = moving().pose_of("camera", "odom", None)
    assert pose.position == pytest.approx((1.0, 0.5, 1.0))


def test_a_transform_that_comes_soon_is_waited_for() -> None:
    history = moving()

    def come() -> None:
        time.sleep(0.02)
        history.hear(Link("odom", "base", Pose3D((3.0, 0.0, 0.0)), to_ns(12.0)))

    thread = threading.Thread(target=come)
    thread.start()
    assert history.pose_of("base", "odom", to_ns(12.0), wait_s=30.0).position[0] == 3.0
    thread.join()


def test_a_clock_that_jumps_back_begins_anew() -> None:
    history = moving()
    history.hear(Link("odom", "base", Pose3D((7.0, 0.0, 0.0)), to_ns(1.0)))
    assert history.pose_of("base", "odom", to_ns(1.0)).position[0] == 7.0
    with pytest.raises(TransformError):
        history.pose_of("base", "odom", to_ns(10.5))


def test_stamps_out_of_order_find_their_place_and_old_ones_go() -> None:
    history = TransformHistory(kept_s=2.0)
    for at_s in (1.0, 3.0, 2.5, 4.0):
        history.hear(Link("odom", "base", Pose3D((at_s, 0.0, 0.0)), to_ns(at_s)))
    assert history.pose_of("base", "odom", to_ns(2.75)).position[0] == pytest.approx(2.75)
    with pytest.raises(TransformError, match="before the oldest"):
        history.pose_of("base", "odom", to_ns(1.5))
