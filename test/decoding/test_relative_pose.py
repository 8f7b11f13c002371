import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.decoding import Range, RelativePose, RelativePoseCodec

CODEC = RelativePoseCodec()
poses = st.builds(
    RelativePose,
    theta=st.floats(-math.pi, math.pi),
    phi=st.floats(-math.pi, math.pi),
    radius=st.floats(-0.7, 0.7),
)


def camera_at(*position):
    pose = np.eye(4)
    pose[:3, 3] = position
    return pose


@given(poses)
@settings(max_examples=150, deadline=None)
def test_relative_poses_come_back_within_one_bin(tokenizer, pose):
    back = CODEC.decode(tokenizer, CODEC.encode(tokenizer, pose))
    assert abs(back.theta - pose.theta) <= 2 * math.pi / 999 + 1e-5
    assert abs(back.radius - pose.radius) <= 1.4 / 999 + 1e-6
    # two numbers cut by up to one bin each turn an angle by less than the diagonal of a bin
    off = math.remainder(back.phi - pose.phi, 2 * math.pi)
    assert abs(off) <= 2 / 999 * math.sqrt(2) * 1.01


@given(st.lists(st.integers(32000, 32999), min_size=4, max_size=4))
@settings(max_examples=100, deadline=None)
def test_theta_and_r_keep_their_tokens(tokenizer, tokens):
    again = CODEC.encode(tokenizer, CODEC.decode(tokenizer, tokens))
    assert (again[0], again[3]) == (tokens[0], tokens[3])


def test_hand_worked_tokens(tokenizer):
    tokens = CODEC.encode(tokenizer, RelativePose(0.0, math.pi / 2, 0.7))
    # theta 0: bin 499 of 999; sine 1: 999; cosine 0 (6e-17): 499; r: 999
    assert tokens == (32500, 32000, 32500, 32000)


def test_a_quarter_turn_about_the_object():
    """From the object's front (x) to its side (y), and nearer."""
    pose = RelativePose.between(camera_at(2.0, 0.0, 0.0), camera_at(0.0, 1.5, 0.0))
    assert (pose.theta, pose.phi, pose.radius) == pytest.approx((0.0, math.pi / 2, -0.5))
    higher = RelativePose.between(camera_at(1.0, 0.0, 0.0), camera_at(0.0, 0.0, 1.0))
    assert higher.theta == pytest.approx(-math.pi / 2)  # theta is counted from above


@given(
    st.floats(0.3, 2.8),
    st.floats(-3, 3),
    st.floats(0.8, 2),
    st.floats(-0.25, 0.25),
    st.floats(-3, 3),
)
@settings(max_examples=60, deadline=None)
def test_the_target_is_found_again_from_its_difference(theta, phi, radius, rise, turn):
    start = camera_at(
        radius * math.sin(theta) * math.cos(phi),
        radius * math.sin(theta) * math.sin(phi),
        radius * math.cos(theta),
    )
    pose = RelativePose(rise, turn, rise / 2)
    back = RelativePose.between(start, pose.from_reference(start))
    assert (back.theta, back.phi, back.radius) == pytest.approx(
        (pose.theta, pose.phi, pose.radius), abs=1e-9
    )


def test_the_target_looks_at_the_object_and_stands_upright():
    pose = RelativePose(-0.4, 1.0, 0.2).from_reference(camera_at(2.0, 0.0, 0.5))
    right, down, forward = pose[:3, 0], pose[:3, 1], pose[:3, 2]
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)
    np.testing.assert_allclose(
        np.linalg.norm(pose[:3, 3]) * forward, -pose[:3, 3], atol=1e-12
    )  # forward goes to the origin
    assert right[2] == pytest.approx(0.0)
    assert down[2] < 0


def test_out_of_range_is_refused_or_clipped(tokenizer):
    far = RelativePose(0.0, 0.0, 2.0)
    with pytest.raises(ValueError, match=r"r is 2, tokens cover -0\.7 to 0\.7"):
        CODEC.encode(tokenizer, far)
    clipped = CODEC.decode(tokenizer, CODEC.encode(tokenizer, far, clip=True))
    assert clipped.radius == pytest.approx(0.7)
    wide = RelativePoseCodec(radius=Range(-3.0, 3.0))
    assert wide.decode(tokenizer, wide.encode(tokenizer, far)).radius == pytest.approx(2, abs=0.01)


def test_tokens_and_cameras_that_are_none_are_refused(tokenizer):
    with pytest.raises(ValueError, match="a relative pose has 4 tokens"):
        CODEC.decode(tokenizer, [32500] * 3)
    with pytest.raises(ValueError, match="no location token"):
        CODEC.decode(tokenizer, [32500] * 3 + [7])

    class OddBins:
        location_ids = range(100, 1101)

    with pytest.raises(ValueError, match="both zero"):
        CODEC.decode(OddBins(), [600] * 4)
    with pytest.raises(ValueError, match="finite 4x4 matrix"):
        RelativePose.between(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="at the object's origin"):
        RelativePose.between(np.eye(4), camera_at(1, 0, 0))
    with pytest.raises(ValueError, match="cannot look at the object"):
        RelativePose(-math.pi / 2, 0.0, 0.0).from_reference(camera_at(1, 0, 0))
    with pytest.raises(ValueError, match="cannot look at the object"):
        RelativePose(0.0, 0.0, -1.0).from_reference(camera_at(1, 0, 0))
