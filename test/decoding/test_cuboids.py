import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transforms3d.axangles import axangle2mat
from transforms3d.euler import euler2mat
from transforms3d.quaternions import quat2mat

from uio2_ros.decoding import CanvasPlacement, CuboidCodec, CuboidError, MetricBoxes, Range
from uio2_ros.decoding.rotations import spans_no_plane
from uio2_ros.processing.geometry import letterbox, to_pixels
from uio2_ros.robot.camera_model import CameraModel


def camera_of(fx: float, fy: float, cx: float, cy: float) -> CameraModel:
    return CameraModel(640, 480, fx, fy, cx, cy)


CODEC = CuboidCodec()
CAMERA = camera_of(fx=600.0, fy=590.0, cx=322.0, cy=238.0)
WHOLE = CanvasPlacement.whole(480, 640)
CANVAS = (384, 384)

angles = st.floats(-math.pi, math.pi)
boxes_ahead = st.builds(
    lambda u, v, z, sizes, turns: MetricBoxes(
        np.array([[z * (u - CAMERA.cx) / CAMERA.fx, z * (v - CAMERA.cy) / CAMERA.fy, z]]),
        np.array([sizes]),
        euler2mat(*turns)[None],
    ),
    u=st.floats(-60, 700),
    v=st.floats(-40, 520),
    z=st.floats(0.1, 120),
    sizes=st.tuples(*[st.floats(0, 400)] * 3),
    turns=st.tuples(angles, angles, angles),
)


def placement_of(height, width):
    """The model's canvas around a picture, as a reply's to_pixels tells it: clipped."""
    info = letterbox(height, width, CANVAS)
    return CanvasPlacement.of(lambda values: to_pixels(values, info, CANVAS), height)


def box(center, size=(1.0, 1.0, 1.0), rotation=None):
    turn = np.eye(3) if rotation is None else rotation
    return MetricBoxes(np.array([center], float), np.array([size], float), turn[None])


def bins(vocabulary, tokens):
    return vocabulary.location_ids[-1] - np.asarray(tokens)


def token_of(vocabulary, value, ends):
    return vocabulary.location_id((value - ends[0]) / (ends[1] - ends[0]))


def tokens_for(vocabulary, numbers):
    return [token_of(vocabulary, *pair) for pair in zip(numbers, CODEC.ranges, strict=True)]


AHEAD = (0.5, 0.5, 0.004, *[math.log(2)] * 3, 1, 0, 0, 0, 1, 0)
"""A cube of 1 m at about 5 m, unturned."""


def test_a_hand_worked_box(tokenizer):
    # z: bin of 0.004 over [-0.001, 0.1] is floor(49.45) = 49, so 0.003953954; times 1000 m, times
    # f / f_v = 590 / 512, times H_v / H = 512 / 480
    decoded = CODEC.decode(tokenizer, [tokens_for(tokenizer, AHEAD)], CAMERA, WHOLE)
    depth = (-0.001 + 49 * 0.101 / 999) * 1000 * 590 / 480
    x, y, z = decoded.centers[0]
    assert z == pytest.approx(depth)
    # the centre: bin of (0.5 + 0.1) / 1.2 = 0.5 is 499, so (499 / 999) * 1.2 - 0.1 of the picture
    middle = 499 / 999 * 1.2 - 0.1
    assert x == pytest.approx(z * (middle * 640 - 322) / 600)
    assert y == pytest.approx(z * (middle * 480 - 238) / 590)
    # the size: bin floor(log(2) / 6 * 999) = 115, so exp(6 * 115 / 999) - 1 metres
    assert decoded.sizes[0] == pytest.approx([math.exp(690 / 999) - 1] * 3)


def test_size_tokens_are_width_height_length_of_the_axes_z_y_x(tokenizer):
    width, height, length = 0.5, 1.5, 4.0
    numbers = [*AHEAD[:3], *np.log1p([width, height, length]), *AHEAD[6:]]
    decoded = CODEC.decode(tokenizer, [tokens_for(tokenizer, numbers)], CAMERA, WHOLE)
    assert decoded.sizes[0] == pytest.approx([length, height, width], rel=0.02)
    span = np.ptp(decoded.corners[0], axis=0)  # unturned and in the middle of the picture
    assert span == pytest.approx([length, height, width], rel=0.05)


@given(boxes_ahead)
@settings(max_examples=150, deadline=None)
def test_each_number_comes_back_within_one_bin(tokenizer, boxes):
    tokens = CODEC.encode(tokenizer, boxes, CAMERA, WHOLE, clip=True)
    decoded = CODEC.decode(tokenizer, clear_of_degeneracy(tokenizer, tokens), CAMERA, WHOLE)
    again = CODEC.encode(tokenizer, decoded, CAMERA, WHOLE, clip=True)
    difference = np.abs(again - clear_of_degeneracy(tokenizer, tokens))
    assert difference[:, :6].max() <= 1


def clear_of_degeneracy(tokenizer, tokens):
    """Depths below the first token ahead of the camera at that token."""
    ahead = CODEC.describes_a_depth(tokenizer)
    nearest = tokenizer.location_ids[np.flatnonzero(ahead).max()]
    clear = tokens.copy()
    clear[:, 2] = np.minimum(clear[:, 2], nearest)
    return clear


@given(boxes_ahead)
@settings(max_examples=150, deadline=None)
def test_a_box_comes_back_as_near_as_tokens_can_tell(tokenizer, boxes):
    tokens = CODEC.encode(tokenizer, boxes, CAMERA, WHOLE, clip=True)
    tokens = clear_of_degeneracy(tokenizer, tokens)
    decoded = CODEC.decode(tokenizer, tokens, CAMERA, WHOLE)
    depth_bin = 0.101 / 999 * 1000 * 590 / 480
    assert -1e-3 <= boxes.centers[0, 2] - decoded.centers[0, 2] <= depth_bin + 1e-3
    # log(1 + side) within one bin of 6 / 999
    assert np.abs(np.log1p(boxes.sizes) - np.log1p(decoded.sizes)).max() <= 6 / 999 + 1e-5
    relative = decoded.rotations[0].T @ boxes.rotations[0]
    off_axis = 1.2 / 999 * math.hypot(640 / 600, 480 / 590)  # of the ray to the centre
    angle = math.acos(min(1.0, (np.trace(relative) - 1) / 2))
    assert math.degrees(angle) <= 0.3 + math.degrees(off_axis)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_tokens_come_back_within_one_bin_where_a_box_can_be_made(tokenizer, data):
    token = st.integers(32000, 32999)
    tokens = np.array([data.draw(st.lists(token, min_size=12, max_size=12))])
    tokens = clear_of_degeneracy(tokenizer, tokens)
    assume(not spans_no_plane(CODEC.quantities(tokenizer, tokens)[0, 6:]))
    decoded = CODEC.decode(tokenizer, tokens, CAMERA, WHOLE)
    again = CODEC.encode(tokenizer, decoded, CAMERA, WHOLE)
    assert np.abs(again - tokens)[:, :6].max() <= 1
    # the rotation's own numbers, orthonormal now, stay where they are from then on
    once_more = CODEC.encode(
        tokenizer, CODEC.decode(tokenizer, again, CAMERA, WHOLE), CAMERA, WHOLE
    )
    assert np.abs(once_more - again)[:, 6:].max() <= 3


@given(st.integers(60, 2000), st.integers(60, 2000), st.floats(-0.05, 1.05), st.floats(-0.05, 1.05))
@settings(max_examples=60, deadline=None)
def test_letterboxed_pictures_of_any_shape_give_the_same_box(tokenizer, height, width, fy, fx):
    camera = camera_of(fx=width * 0.9, fy=width * 0.9, cx=width / 2, cy=height / 2)
    z = 25.0 * camera.fy / height  # a quarter of what depth tokens reach
    center = [
        z * (fx * width - camera.cx) / camera.fx,
        z * (fy * height - camera.cy) / camera.fy,
        z,
    ]
    placement = placement_of(height, width)
    tokens = CODEC.encode(tokenizer, box(center), camera, placement, clip=True)
    back = CODEC.decode(tokenizer, tokens, camera, placement)
    pixel_bin = 1.2 / 999 * placement.width
    depth_bin = 0.101 / 999 * 1000 * camera.fy / height
    assert abs(back.centers[0, 2] - z) <= depth_bin * 1.001
    u = camera.fx * back.centers[0, 0] / back.centers[0, 2] + camera.cx
    assert abs(u - fx * width) <= pixel_bin * 1.01


def test_centres_outside_the_picture_are_not_clipped(tokenizer):
    placement = placement_of(480, 640)
    left_of_it = box([-3.0, 0.0, 4.0])
    tokens = CODEC.encode(tokenizer, left_of_it, replace(CAMERA, cx=400.0), placement)
    back = CODEC.decode(tokenizer, tokens, replace(CAMERA, cx=400.0), placement)
    assert back.centers[0, 0] == pytest.approx(-3.0, abs=0.12)


def test_a_picture_of_half_the_size_has_the_same_tokens(tokenizer):
    """Virtual depth does not depend on the resolution: focal length and height shrink together."""
    half = camera_of(fx=300.0, fy=295.0, cx=161.0, cy=119.0)
    one = box([0.31, -0.22, 4.04], rotation=euler2mat(0.3, 0.2, 0.1))
    np.testing.assert_array_equal(
        CODEC.encode(tokenizer, one, CAMERA, WHOLE),
        CODEC.encode(tokenizer, one, half, CanvasPlacement.whole(240, 320)),
    )


def test_a_crop_is_seen_by_the_camera_of_the_whole_picture(tokenizer):
    """The crop's own camera has its principal point moved; both ways give the same box."""
    crop = letterbox(200, 300, CANVAS)
    in_crop = CanvasPlacement.of(lambda values: to_pixels(values, crop, CANVAS), 200)
    of_crop = replace(CAMERA, cx=CAMERA.cx - 150, cy=CAMERA.cy - 100)
    tokens = [tokens_for(tokenizer, AHEAD)]
    by_crop = CODEC.decode(tokenizer, tokens, of_crop, in_crop)
    by_whole = CODEC.decode(tokenizer, tokens, CAMERA, in_crop.within(100, 150))
    np.testing.assert_allclose(by_crop.centers, by_whole.centers, atol=1e-9)
    np.testing.assert_allclose(by_crop.rotations, by_whole.rotations, atol=1e-12)


def test_the_ray_to_the_centre_turns_allocentric_into_egocentric(tokenizer):
    numbers = [0.2, 0.9, *AHEAD[2:6], *euler2mat(0.4, -0.3, 1.0).T[:2].ravel()]
    tokens = tokens_for(tokenizer, numbers)
    decoded = CODEC.decode(tokenizer, [tokens], CAMERA, WHOLE)
    ray = decoded.centers[0] / np.linalg.norm(decoded.centers[0])
    turn = axangle2mat(np.cross([0, 0, 1], ray), math.acos(ray[2]))
    np.testing.assert_allclose(decoded.rotations[0], turn @ euler2mat(0.4, -0.3, 1.0), atol=0.005)


def test_the_same_side_seen_everywhere_has_the_same_rotation_tokens(tokenizer):
    """That is what allocentric means: a box carried around the camera keeps its tokens."""
    tokens = []
    for angle in (-0.4, 0.0, 0.4):
        around = axangle2mat([0, 1, 0], angle)
        tokens.append(
            CODEC.encode(tokenizer, box(around @ [0, 0, 5.0], rotation=around), CAMERA, WHOLE)
        )
    assert np.ptp(np.array(tokens)[:, 0, 6:], axis=0).max() <= 1


def test_quaternions_and_corners_are_those_of_the_rotations():
    one = box([1.0, 2.0, 5.0], (4.0, 2.0, 1.0), euler2mat(0.1, 0.2, 0.3))
    np.testing.assert_allclose(quat2mat(one.quaternions_wxyz[0]), one.rotations[0], atol=1e-12)
    np.testing.assert_allclose(one.corners.mean(axis=1), one.centers, atol=1e-12)
    edge = one.corners[0, 4] - one.corners[0, 0]  # x from - to +
    np.testing.assert_allclose(edge, 4.0 * one.rotations[0][:, 0], atol=1e-12)


def test_many_boxes_are_what_each_of_them_is(tokenizer):
    rng = np.random.default_rng(3)
    tokens = clear_of_degeneracy(tokenizer, rng.integers(32000, 33000, (50, 12)))
    together = CODEC.decode(tokenizer, tokens, CAMERA, WHOLE)
    for number, row in enumerate(tokens):
        alone = CODEC.decode(tokenizer, [row], CAMERA, WHOLE)
        np.testing.assert_allclose(alone.rotations[0], together.rotations[number])
        np.testing.assert_allclose(alone.centers[0], together.centers[number])


def test_no_boxes_are_no_tokens(tokenizer):
    nothing = CODEC.decode(tokenizer, np.empty((0, 12), np.int64), CAMERA, WHOLE)
    assert nothing.centers.shape == (0, 3)
    assert nothing.quaternions_wxyz.shape == (0, 4)
    assert CODEC.encode(tokenizer, nothing, CAMERA, WHOLE).shape == (0, 12)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {2: -0.001},
            r"box 1 has the virtual depth -0\.001; a box seen by the camera has one abov",
        ),
        ({9: 1.0, 10: 0.0}, r"rotation of box 1 is no rotation.* zero or parallel"),
        ({9: -1.0, 10: 0.0}, r"rotation of box 1 is no rotation.* zero or parallel"),
    ],
)
def test_tokens_of_no_box_are_refused(tokenizer, change, problem):
    numbers = list(AHEAD)
    for place, value in change.items():
        numbers[place] = value
    # the first column's and the second's small numbers are the same token
    tokens = [tokens_for(tokenizer, AHEAD), tokens_for(tokenizer, numbers)]
    if 9 in change and change[9] < 0:
        tokens[1][9:] = [31999 + 33000 - token for token in tokens[1][6:9]]
    with pytest.raises(CuboidError, match=problem):
        CODEC.decode(tokenizer, tokens, CAMERA, WHOLE)


def test_a_zero_column_is_refused():
    class OddBins:
        """Location tokens of which one is exactly in the middle of the range."""

        location_ids = range(100, 1101)

    tokens = [600, 600, 300, 600, 600, 600, 600, 600, 600, 100, 600, 600]
    with pytest.raises(CuboidError, match="zero or parallel"):
        CODEC.decode(OddBins(), [tokens], CAMERA, WHOLE)


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        (box([0, 0, -1]), "centre lies behind the camera"),
        (box([0, 0, math.nan]), "centre that is not finite"),
        (box([0, 0, 1], (1, math.inf, 1)), "size that is not finite"),
        (box([0, 0, 1], (1, -1, 1)), "negative size"),
        (box([0, 0, 1], rotation=2 * np.eye(3)), "no rotation matrix"),
        (box([0, 0, 1], rotation=np.diag([1.0, 1.0, -1.0])), "no rotation matrix"),
    ],
)
@pytest.mark.parametrize("clip", [False, True])
def test_boxes_that_are_none_are_refused(tokenizer, boxes, problem, clip):
    with pytest.raises(CuboidError, match=problem):
        CODEC.encode(tokenizer, boxes, CAMERA, WHOLE, clip=clip)


@pytest.mark.parametrize(
    ("boxes", "problem"),
    [
        (box([9, 0, 5]), r"the centre's x of item 0 is .*, tokens cover -0\.1 to 1\.1"),
        (box([0, 0, 200]), "the virtual depth of item 0"),
        (box([0, 0, 5], (1, 500, 1)), r"the logarithm of the height of item 0 is 6\.2"),
    ],
)
def test_boxes_out_of_range_are_refused_or_clipped(tokenizer, boxes, problem):
    with pytest.raises(CuboidError, match=problem):
        CODEC.encode(tokenizer, boxes, CAMERA, WHOLE)
    clipped = CODEC.encode(tokenizer, boxes, CAMERA, WHOLE, clip=True)
    assert np.isin(clipped, [32000]).any()


def test_a_plain_logarithm_has_no_zero(tokenizer):
    codec = CuboidCodec(size_offset_m=0.0, size_unit_m=0.01, log_base=10.0)
    one = codec.encode(tokenizer, box([0, 0, 5], (0.1, 1.0, 10.0)), CAMERA, WHOLE)
    assert bins(tokenizer, one)[0, 3:6].tolist() == [int(n / 6 * 999) for n in (3, 2, 1)]
    flat = box([0, 0, 5], (0.0, 1.0, 1.0))
    with pytest.raises(CuboidError, match="the logarithm of the length"):
        codec.encode(tokenizer, flat, CAMERA, WHOLE)
    assert bins(tokenizer, codec.encode(tokenizer, flat, CAMERA, WHOLE, clip=True))[0, 5] == 0


def test_bad_tokens_canvases_and_codecs_are_refused(tokenizer):
    tokens = tokens_for(tokenizer, AHEAD)
    with pytest.raises(CuboidError, match=r"a box has 12 tokens, got an array of \(1, 11\)"):
        CODEC.decode(tokenizer, [tokens[:11]], CAMERA, WHOLE)
    with pytest.raises(ValueError, match="token 5 is no location token"):
        CODEC.decode(tokenizer, [[5, *tokens[1:]]], CAMERA, WHOLE)
    with pytest.raises(ValueError, match="finite corners and positive sizes"):
        CanvasPlacement.whole(0, 640)
    with pytest.raises(ValueError, match="too narrow to be placed"):
        CanvasPlacement.of(lambda values: np.clip(np.asarray(values), 0, 0.5), 480)
    with pytest.raises(CuboidError, match="ranges are finite and rise"):
        CuboidCodec(depth=Range(1.0, 1.0))
    with pytest.raises(CuboidError, match="focal length, height, units and depth are > 0"):
        CuboidCodec(focal_px=0.0)
    with pytest.raises(CuboidError, match="a base > 1 and an offset >= 0"):
        CuboidCodec(log_base=1.0)
    with pytest.raises(CuboidError, match="boxes have the shapes"):
        MetricBoxes(np.zeros((1, 3)), np.zeros((2, 3)), np.zeros((1, 3, 3)))
