"""Pick and place poses on topics, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from control.conftest import Rig, pick_place

from uio2_ros.control import Cause, HandOverSettings, PlanError, Pose3D
from uio2_ros.control.commands import Halt, PoseCommand, PoseRole
from uio2_ros.robot.frames import Link


def test_step_is_a_pick_pose_and_a_place_pose_with_the_tool_down(rig: Rig) -> None:
    rig.start(pick_place(), age_s=0.5)
    pick, place = rig.tick()
    assert isinstance(pick, PoseCommand)
    assert isinstance(place, PoseCommand)
    assert (pick.role, place.role) == (PoseRole.PICK, PoseRole.PLACE)
    assert (pick.frame_id, pick.stamp_s) == ("base_link", 99.5)
    assert pick.pose.position == pytest.approx((0.5, 0.1, 0.02))
    assert place.pose.position == pytest.approx((0.5, -0.1, 0.05))
    np.testing.assert_allclose(place.pose.turn((0, 0, 1)), (0, 0, -1), atol=1e-9)
    np.testing.assert_allclose(
        place.pose.turn((1, 0, 0)), (math.cos(1.0), math.sin(1.0), 0), atol=1e-9
    )


def test_poses_are_told_in_the_frame_of_the_bridge(rig: Rig) -> None:
    rig.frames.hear(Link("base_link", "table", Pose3D((0, 0, 0.7))))
    rig.start(pick_place(frame_id="table"))
    pick, _ = rig.tick()
    assert isinstance(pick, PoseCommand)
    assert pick.frame_id == "base_link"
    assert pick.pose.position == pytest.approx((0.5, 0.1, 0.72))


def test_next_step_follows_when_the_controller_reports(rig: Rig) -> None:
    rig.start(pick_place(2))
    assert len(rig.ticks(5.0)) == 2
    assert rig.follower.run is not None
    rig.follower.run.motion.reported(None)
    assert len(rig.ticks(1.0)) == 2
    rig.follower.run.motion.reported(None)
    rig.tick()
    assert rig.outcomes[0].cause is Cause.NONE
    assert rig.follower.take() == []


def test_next_step_follows_after_its_time_where_nobody_reports(rig: Rig) -> None:
    rig.start(pick_place(2))
    assert len(rig.ticks(10.2)) == 4
    rig.ticks(10.2)
    assert rig.outcomes[0].cause is Cause.NONE


def test_unreported_step_fails_where_reports_are_asked_for(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(hand_over=HandOverSettings(step_s=2.0, confirm=True))
    rig.start(pick_place(2))
    assert Halt() in rig.ticks(2.2)
    assert rig.outcomes[0].cause is Cause.TIMEOUT
    assert "nobody reported on step_done within 2 s that step 0" in rig.outcomes[0].message


def test_reported_failure_halts_and_ends_the_plan(rig: Rig) -> None:
    rig.start(pick_place(2))
    rig.tick()
    assert rig.follower.run is not None
    rig.follower.run.motion.reported(PlanError(Cause.CONTROLLER_FAILED, "no grasp"))
    assert rig.tick() == [Halt()]
    assert (rig.outcomes[0].cause, rig.outcomes[0].message) == (Cause.CONTROLLER_FAILED, "no grasp")


def test_stop_after_the_last_pose_still_reaches_the_controller(rig: Rig) -> None:
    rig.start(pick_place())
    rig.ticks(11.0)
    assert rig.follower.run is None
    assert not rig.follower.stop(Cause.STOPPED, "enough", rig.now_s)
    assert rig.follower.take() == [Halt()]
