"""The drawing shows what the answer says, whatever the picture's size."""

from __future__ import annotations

import numpy as np
import pytest

from uio2_ros.errors import ErrorCode
from uio2_ros.nodes.debug_image import LEAST_WIDTH, draw_answer
from uio2_ros.tasks.answer import (
    ActionKind,
    Answer,
    Detection,
    Point,
    PointSet,
    Pose2D,
    Step,
    TaskPlan,
)
from uio2_ros.tasks.instruction import Box
from uio2_ros.viewing.pen import ARROW, PALETTE, WARNING

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
