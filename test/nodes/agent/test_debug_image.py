"""The drawing shows what the answer says, whatever the picture's size."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.nodes.agent.debug_image import LEAST_WIDTH, draw_answer
from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.plan import ActionKind, Step, TaskPlan
from uio2_ros.robot.poses import Pose2D
from uio2_ros.viewing.marks import MASK_TINT
from uio2_ros.viewing.panels import depth_colors, envelope, normal_colors
from uio2_ros.viewing.pen import ARROW, INK, PALETTE, PAPER, PATH, WARNING

BLACK = np.zeros((480, 640, 3), np.uint8)


def has(color: tuple[int, int, int], drawing: np.ndarray) -> bool:
    return bool((drawing == np.array(color, np.uint8)).all(axis=2).any())


def test_picture_keeps_its_place_and_is_not_changed() -> None:
    pixels = np.full_like(BLACK, 90)
    drawing = draw_answer(pixels, "find the cup", Answer(text="nothing"))
    np.testing.assert_array_equal(drawing[:480, :640], pixels)
    assert drawing.shape[1] == 640
    assert 500 < drawing.shape[0] < 640
    assert (pixels == 90).all()


def test_box_is_drawn_where_it_is() -> None:
    answer = Answer(detections=(Detection(Box(100, 150, 300, 400), "cup", 0.5),))
    drawing = draw_answer(BLACK, "", answer)
    assert tuple(drawing[300, 100]) == PALETTE[0]
    assert tuple(drawing[400, 200]) == PALETTE[0]
    assert not drawing[300, 200].any()
    assert has(PALETTE[0], drawing[110:149, 100:140])  # its label


def test_points_and_bones() -> None:
    points = (Point("left shoulder", 100, 100), Point("left elbow", 300, 100))
    drawing = draw_answer(BLACK, "", Answer(keypoints=(PointSet("", None, points),)))
    assert tuple(drawing[100, 100]) == PALETTE[0]
    assert tuple(drawing[100, 200]) == PALETTE[0]
    hidden = (points[0], Point("left elbow", 300, 100, visible=False))
    drawing = draw_answer(BLACK, "", Answer(keypoints=(PointSet("", None, hidden),)))
    assert not drawing[100, 200].any()


def test_plan_is_a_map_with_arrows() -> None:
    step = Step(ActionKind.PICK_PLACE, "pick", Pose2D(0.3, 0.2, 0), Pose2D(0.5, -0.2, 0))
    drawing = draw_answer(BLACK, "", Answer(plan=TaskPlan("vima", (step,), "base_link")))
    assert has(ARROW, drawing[240:480, 320:640])
    stop = Step(ActionKind.DISCRETE, "stop")
    drawing = draw_answer(BLACK, "", Answer(plan=TaskPlan("pointnav", (stop,))))
    assert not has(ARROW, drawing)


def test_mask_tints_what_it_covers_and_bears_its_label() -> None:
    mask = np.zeros((480, 640), np.uint8)
    mask[200:300, 100:300] = 255
    drawing = draw_answer(BLACK, "", Answer(pictures=(Picture("mask", mask, "cup", 0.5),)))
    tinted = np.array(PALETTE[0]) * MASK_TINT
    np.testing.assert_allclose(drawing[250, 200], tinted, atol=1)
    assert not drawing[350, 200].any()
    assert tuple(drawing[250, 100]) == PALETTE[0]  # the outline
    assert has(PALETTE[0], drawing[170:199, 100:140])  # the label


def test_mask_fits_an_enlarged_picture() -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[:, 16:] = 255
    pixels = np.zeros((24, 32, 3), np.uint8)
    drawing = draw_answer(pixels, "", Answer(pictures=(Picture("mask", mask),)))
    assert not drawing[180, 100].any()
    assert drawing[180, 360].any()


def test_depth_stands_beside_the_picture_in_colours() -> None:
    depth = np.full((480, 640), 1.0, np.float32)
    depth[:, 320:] = 3.0
    depth[400:] = np.nan
    drawing = draw_answer(BLACK, "", Answer(pictures=(Picture("depth", depth),)))
    assert drawing.shape[1] == 1280
    near, far = drawing[300, 640 + 100].astype(int), drawing[300, 640 + 500].astype(int)
    assert near[0] > near[2]  # red
    assert far[2] > far[0]  # blue
    assert not drawing[450, 700].any()
    assert not drawing[:400, :640].any()


def test_depth_that_is_known_nowhere_is_black() -> None:
    colors, legend = depth_colors(np.zeros((4, 4), np.float32))
    assert (colors.any(), legend) == (False, "depth: none")


def test_normals_have_the_usual_colours() -> None:
    normals = np.array([[[0, 0, -1], [1, 0, 0], [0, -1, 0], [0, 0, 0], [np.nan] * 3]], np.float32)
    colors = normal_colors(normals)[0].tolist()
    assert colors[0] == [128, 128, 255]  # towards the camera
    assert colors[1] == [255, 128, 128]  # to the right
    assert colors[2] == [128, 255, 128]  # up
    assert colors[3] == colors[4] == [0, 0, 0]


def test_generated_picture_keeps_its_shape() -> None:
    white = np.full((256, 256, 3), 255, np.uint8)
    drawing = draw_answer(BLACK, "", Answer(pictures=(Picture("generated", white),)))
    panel = drawing[:480, 640:]
    assert (panel[240] == 255).all(axis=1).sum() == 480
    assert tuple(panel[240, 0]) == PAPER


def test_cuboid_is_drawn_as_the_camera_sees_it() -> None:
    cuboid = Cuboid("", (0.0, 0.0, 2.0), (1.0, 1.0, 2.0), (1, 0, 0, 0))
    camera = CameraModel(640, 480, 200.0, 200.0, 320.0, 240.0)
    drawing = draw_answer(BLACK, "", Answer(cuboids=(cuboid,)), camera)
    for x, y in ((220, 240), (420, 240), (320, 140), (320, 340)):  # the near face, 1 m away
        assert tuple(drawing[y, x]) == PALETTE[0]
    assert not drawing[240, 320].any()
    assert not draw_answer(BLACK, "", Answer(cuboids=(cuboid,)))[:480].any()


def test_cuboid_around_the_camera_is_cut_off() -> None:
    around = Cuboid("", (0.0, 0.5, 0.0), (1.0, 1.0, 4.0), (1, 0, 0, 0))
    behind = Cuboid("", (0.0, 0.0, -3.0), (1.0, 1.0, 1.0), (1, 0, 0, 0))
    camera = CameraModel(640, 480, 200.0, 200.0, 320.0, 240.0)
    assert draw_answer(BLACK, "", Answer(cuboids=(around,)), camera)[:480].any()
    assert not draw_answer(BLACK, "", Answer(cuboids=(behind,)), camera)[:480].any()


def test_moves_of_a_base_are_a_path_and_end_in_an_arrow() -> None:
    space = load_action_spaces()["pointnav"]
    steps = tuple(
        Step(ActionKind.DISCRETE, name, values=space.action(name).values)
        for name in ("forward", "left", "forward")
    )
    answer = Answer(plan=TaskPlan("pointnav", steps, "base_link"))
    drawing = draw_answer(BLACK, "", answer, None, space)
    assert has(PATH, drawing[240:480, 320:640])
    assert has(INK, drawing[240:460, 320:640])


def test_values_of_continuous_actions_are_a_table() -> None:
    names, rows = ("j1", "j2"), ((0.5, -0.25), (0.75, 0.0))
    steps = tuple(
        Step(ActionKind.CONTINUOUS, "arm7", dimension_names=names, values=values) for values in rows
    )
    drawing = draw_answer(BLACK, "", Answer(plan=TaskPlan("arm7", steps)))
    table = drawing[400:480, :320]
    assert has(INK, table)
    assert (table[..., 2].astype(int) - table[..., 1] > 20).any()  # a violet curve
    assert not drawing[:240].any()


def test_sound_is_its_envelope_below_the_picture() -> None:
    samples = np.concatenate((np.tile((0.9, -0.9), 4000), np.zeros(8000)))  # loud, then silent
    drawing = draw_answer(BLACK, "", Answer(audio=(samples.astype(np.float32),)))
    strip = drawing[480:552]
    assert (strip[:, 160] == PALETTE[5]).all(axis=1).sum() > 20
    assert (strip[:, 480] == PALETTE[5]).all(axis=1).sum() <= 3


@pytest.mark.parametrize("count", [0, 1, 3, 640, 10_000])
def test_an_envelope_holds_every_sample(count: int) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, count).astype(np.float32)
    low, high = envelope(samples, 640)
    assert (len(low), len(high)) == (640, 640)
    assert (low <= high).all()
    if count:
        assert (low.min(), high.max()) == (samples.min(), samples.max())


def test_an_answer_without_words_says_what_it_holds() -> None:
    depth = Picture("depth", np.ones((480, 640), np.float32))
    drawn, nothing = (
        draw_answer(BLACK, "", Answer(pictures=pictures))[480:, :640] for pictures in ((depth,), ())
    )
    assert (drawn != nothing).any()


def test_synthetic_weights_bear_a_banner_and_others_do_not() -> None:
    assert has(WARNING, draw_answer(BLACK, "", Answer(synthetic_weights=True))[480:])
    assert not has(WARNING, draw_answer(BLACK, "", Answer()))


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (48, 64), (1080, 1920)])
def test_any_size_and_any_text_can_be_drawn(size: tuple[int, int]) -> None:
    height, width = size
    answer = Answer(
        text="Überlänge " * 200,
        detections=(Detection(Box(-50, -50, 1e4, 1e4), "ß" * 300),),
        error_code=ErrorCode.NONE,
        synthetic_weights=True,
    )
    drawing = draw_answer(np.zeros((height, width, 3), np.uint8), "\n" * 50, answer)
    assert drawing.dtype == np.uint8
    assert drawing.shape[1] == max(width, LEAST_WIDTH)
