"""Boxes and points are lifted to where things are; a table, a wall and blocks are ray cast here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uio2_ros.memory.lifting import Lifter, Plane
from uio2_ros.robot.answer import Cuboid, Detection, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.located import LocatedObject, RangeSource
from uio2_ros.robot.poses import Pose3D, from_roll_pitch_yaw

CAMERA = CameraModel(160, 120, 150.0, 150.0, 79.5, 59.5)
EYE = Pose3D((0.0, 0.0, 0.8), from_roll_pitch_yaw(math.radians(-135), 0.0, -math.pi / 2))
"""Of the optical frame: 0.8 m above a table, looking ahead (x) and down by 45 degrees."""


@dataclass(frozen=True)
class Block:
    """An upright box in the frame of the table; z of the centre is up."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]

    def seen(self, eye: Pose3D = EYE) -> Box:
        """What it covers of the picture."""
        signs = np.array(np.meshgrid((-0.5, 0.5), (-0.5, 0.5), (-0.5, 0.5))).reshape(3, 8).T
        corners = signs * self.size + self.center
        inward = np.linalg.inv(eye.matrix)
        pixels = CAMERA.project(corners @ inward[:3, :3].T + inward[:3, 3]) + 0.5
        return Box(*pixels.min(axis=0).tolist(), *pixels.max(axis=0).tolist())

    def found(self, eye: Pose3D = EYE) -> Detection:
        return Detection(self.seen(eye), "block", 0.9)


MUG = Block((0.7, 0.05, 0.05), (0.08, 0.08, 0.1))
PLATE = Block((0.8, -0.1, 0.005), (0.2, 0.2, 0.01))


def depth_of(*blocks: Block, eye: Pose3D = EYE, table: bool = True) -> npt.NDArray[np.float32]:
    """(H, W) metres along the optical axis; 0 where nothing is."""
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.dstack([CAMERA.rays(np.dstack([u, v])), np.ones(u.shape)])
    along = rays @ eye.matrix[:3, :3].T
    start = np.array(eye.position)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = -start[2] / along[..., 2] if table else np.full(u.shape, np.inf)
        depth = np.where(reach > 0, reach, np.inf)
        for block in blocks:
            low, high = (np.array(block.center) + s * np.array(block.size) / 2 for s in (-1, 1))
            ends = np.stack([(low - start) / along, (high - start) / along])
            enter, leave = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
            hit = (enter <= leave) & (enter > 0)
            depth = np.where(hit, np.minimum(depth, enter), depth)
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32)


def error_m(found: LocatedObject, block: Block, eye: Pose3D = EYE) -> float:
    return math.dist(eye.then(found.pose).position, block.center)


@pytest.mark.parametrize("block", [MUG, PLATE])
def test_what_stands_on_a_table_is_where_it_is(block: Block) -> None:
    found = Lifter(CAMERA, depth_of(block)).detection(block.found())
    assert found.source is RangeSource.DEPTH
    assert error_m(found, block) < 0.01
    assert found.size[2] == pytest.approx(block.size[2], abs=0.01)
    up = EYE.then(found.pose).turn((0.0, 0.0, 1.0))
    assert up == pytest.approx((0.0, 0.0, 1.0), abs=0.02)


@given(
    x=st.floats(0.5, 0.9),
    y=st.floats(-0.2, 0.2),
    width=st.floats(0.04, 0.15),
    height=st.floats(0.02, 0.2),
)
def test_anywhere_within_three_centimetres(x: float, y: float, width: float, height: float) -> None:
    block = Block((x, y, height / 2), (width, width, height))
    box = block.seen()
    if min(box.x1, box.y1) < 2 or box.x2 > CAMERA.width - 2 or box.y2 > CAMERA.height - 2:
        return
    assert error_m(Lifter(CAMERA, depth_of(block)).detection(block.found()), block) < 0.03


def test_the_mean_of_a_box_would_be_wrong_where_the_table_fills_half_of_it() -> None:
    loose = MUG.seen()
    grown = Box(loose.x1 - 6, loose.y1 - 6, loose.x2 + 6, loose.y2 + 6)
    found = Lifter(CAMERA, depth_of(MUG)).detection(Detection(grown, "mug"))
    assert error_m(found, MUG) < 0.01


def test_what_hangs_in_the_air_lies_behind_its_surface_by_half_its_width() -> None:
    ball = Block((0.7, 0.0, 0.3), (0.1, 0.1, 0.1))
    found = Lifter(CAMERA, depth_of(ball, table=False)).detection(ball.found())
    assert error_m(found, ball) < 0.03


def test_of_what_the_edge_cuts_off_the_centre_is_less_certain() -> None:
    whole = Lifter(CAMERA, depth_of(MUG)).detection(MUG.found())
    box = MUG.seen()
    half = Detection(Box(0.0, box.y1, box.x2, box.y2), "mug")
    part = Lifter(CAMERA, depth_of(MUG)).detection(half)
    assert (whole.is_cut, part.is_cut) == (False, True)
    assert part.deviation_m > max(2 * whole.deviation_m, 0.4 * max(part.size))


def test_a_wall_is_nothing_to_stand_on() -> None:
    level = Pose3D((0.0, 0.0, 0.5), from_roll_pitch_yaw(-math.pi / 2, 0.0, -math.pi / 2))
    wall = Block((3.0, 0.0, 0.5), (0.1, 9.0, 9.0))
    box = Block((2.0, 0.0, 0.6), (0.3, 0.3, 0.3))
    depth = depth_of(wall, box, eye=level, table=False)
    found = Lifter(CAMERA, depth).detection(box.found(level))
    assert error_m(found, box, level) < 0.06


LOW = Pose3D((0.0, 0.0, 0.5), from_roll_pitch_yaw(math.radians(-95), 0.0, -math.pi / 2))
"""0.5 m above a floor, looking ahead and down by 5 degrees."""
CRATE = Block((2.4, 0.3, 0.2), (0.4, 0.4, 0.4))


def test_what_is_seen_from_low_is_above_the_middle_of_its_footprint() -> None:
    found = Lifter(CAMERA, depth_of(CRATE, eye=LOW)).detection(CRATE.found(LOW))
    assert error_m(found, CRATE, LOW) < 0.05
    assert found.size[2] == pytest.approx(0.4, abs=0.02)
    assert LOW.then(found.pose).turn((0.0, 0.0, 1.0)) == pytest.approx((0.0, 0.0, 1.0), abs=0.02)


def test_the_floor_is_found_below_it_where_a_wall_fills_what_is_around_it() -> None:
    wall = Block((3.0, 0.0, 1.5), (0.1, 9.0, 3.0))
    tall = Block((2.4, 0.3, 0.4), (0.4, 0.4, 0.8))
    found = Lifter(CAMERA, depth_of(tall, wall, eye=LOW)).detection(tall.found(LOW))
    assert error_m(found, tall, LOW) < 0.05
    assert LOW.then(found.pose).turn((0.0, 0.0, 1.0)) == pytest.approx((0.0, 0.0, 1.0), abs=0.02)


def test_what_the_lower_edge_cuts_off_stands_on_the_floor_beside_it() -> None:
    near = Block((0.9, 0.0, 0.2), (0.4, 0.4, 0.4))
    box = near.seen(LOW)
    assert box.y2 > CAMERA.height
    seen = Detection(Box(box.x1, box.y1, box.x2, float(CAMERA.height)), "crate")
    found = Lifter(CAMERA, depth_of(near, eye=LOW)).detection(seen)
    assert found.is_cut
    assert error_m(found, near, LOW) < 0.05


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf])
def test_unknown_depth_is_no_place(hole: float) -> None:
    depth = depth_of(MUG)
    depth[::2, :] = hole
    depth[:, ::2] = hole
    found = Lifter(CAMERA, depth).detection(MUG.found())
    assert found.valid == pytest.approx(0.25, abs=0.1)
    assert error_m(found, MUG) < 0.015
    nothing = Lifter(CAMERA, np.full_like(depth, hole)).detection(MUG.found())
    assert (nothing.source, nothing.valid) == (RangeSource.NONE, 0.0)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_depth_may_have_another_size_than_the_picture(factor: float) -> None:
    depth = depth_of(MUG)
    index = ((np.arange(int(n * factor)) / factor).astype(int) for n in depth.shape)
    resized = depth[np.ix_(*index)]
    assert error_m(Lifter(CAMERA, resized).detection(MUG.found()), MUG) < 0.02


def test_depth_of_another_shape_is_not_registered() -> None:
    with pytest.raises(InvalidInputError, match="160 x 120"):
        Lifter(CAMERA, np.ones((120, 120), np.float32))


def test_a_box_outside_the_picture_has_no_place() -> None:
    aside = Detection(Box(-50, 10, -10, 40), "block")
    assert Lifter(CAMERA, depth_of(MUG)).detection(aside).source is RangeSource.NONE


def test_without_depth_a_known_plane_says_where_things_stand() -> None:
    plane = Plane.of_pose(EYE.inverse())
    found = Lifter(CAMERA, None, plane).detection(MUG.found())
    assert found.source is RangeSource.PLANE
    assert error_m(found, MUG) < 0.03
    assert found.deviation_m > Lifter(CAMERA, depth_of(MUG)).detection(MUG.found()).deviation_m


def test_above_the_horizon_of_the_plane_there_is_no_place() -> None:
    level = Pose3D((0.0, 0.0, 0.5), from_roll_pitch_yaw(-math.pi / 2, 0.0, -math.pi / 2))
    above = Detection(Box(60, 10, 90, 40), "block")
    found = Lifter(CAMERA, None, Plane.of_pose(level.inverse())).detection(above)
    assert found.source is RangeSource.NONE


def test_a_cuboid_is_moved_along_its_line_of_sight_and_scaled() -> None:
    inward = EYE.inverse().then(Pose3D(MUG.center))
    far = tuple(1.4 * value for value in inward.position)
    guess = Cuboid("mug", far, tuple(1.4 * v for v in MUG.size), inward.quaternion_wxyz, 0.7)  # type: ignore[arg-type]
    found = Lifter(CAMERA, depth_of(MUG)).cuboid(guess)
    assert found.source is RangeSource.DEPTH
    assert error_m(found, MUG) < 0.01
    assert found.size == pytest.approx(MUG.size, rel=0.03)
    unmeasured = Lifter(CAMERA).cuboid(guess)
    assert unmeasured.source is RangeSource.MODEL
    assert unmeasured.pose.position == pytest.approx(far)


def test_a_point_lies_on_the_nearest_surface_around_it() -> None:
    box = MUG.seen()
    edge = Point("edge", box.x1 - 1.5, box.center[1])
    hidden = Point("hidden", 1, 1, visible=False)
    far = Point("outside", 500, 500)
    points = PointSet("mug", box, (edge, hidden, far))
    lifter = Lifter(CAMERA, depth_of(MUG))
    found = list(lifter._keypoints(2, points))
    assert [one.name for one in found] == ["edge", "outside"]
    assert found[0].set == 2
    assert found[0].source is RangeSource.DEPTH
    height = EYE.then(Pose3D(found[0].position)).position[2]
    assert height > 0.01  # on the mug, not on the table behind
    assert found[1].source is RangeSource.NONE
