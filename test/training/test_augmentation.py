"""Scale and crop: what is told of a picture stays true of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.robot.answer import Answer, Detection, Picture
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.training.augmentation import Rescaling, recolored_sample, rescaled

BOX = Box(120.0, 60.0, 200.0, 140.0)


def observation() -> Observation:
    """A white square on black."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[60:140, 120:200] = 255
    return Observation(
        image=Frame(pixels, 0, key=7), camera=CameraModel(320, 240, 300.0, 300.0, 159.5, 119.5)
    )


def edges(pixels: np.ndarray) -> Box:
    rows, columns = np.nonzero(pixels[..., 0] > 127)
    return Box(columns.min(), rows.min(), columns.max() + 1.0, rows.max() + 1.0)


@settings(max_examples=60)
@given(st.integers(0, 2**31))
def test_boxes_stay_around_what_they_held(seed: int) -> None:
    task = LabelledTask(Instruction("square", "refexp"), Answer(detections=(Detection(BOX, "x"),)))
    changed = rescaled(observation(), task, np.random.default_rng(seed))
    assert changed is not None
    seen, labelled = changed
    assert seen.image is not None
    assert seen.image.pixels.shape == (240, 320, 3)
    assert seen.image.key is None  # other pixels under the key would be mistaken for these
    wanted, found = edges(seen.image.pixels), labelled.answer.detections[0].box
    for side in ("x1", "y1", "x2", "y2"):
        assert getattr(found, side) == pytest.approx(getattr(wanted, side), abs=1.6)


def test_the_camera_still_projects_to_the_same_things() -> None:
    seen = observation()
    assert seen.camera is not None
    how = Rescaling(1.25, -30, -10, 320, 240)
    x, y = seen.camera.fx * 0.1 + seen.camera.cx, seen.camera.fy * 0.05 + seen.camera.cy
    camera = how.camera(seen.camera)
    assert camera.fx * 0.1 + camera.cx == pytest.approx(1.25 * (x + 0.5) - 30 - 0.5)
    assert camera.fy * 0.05 + camera.cy == pytest.approx(1.25 * (y + 0.5) - 10 - 0.5)


def test_what_is_cut_off_is_not_asked_for() -> None:
    corner = Answer(detections=(Detection(Box(0.0, 0.0, 4.0, 4.0), "x"),))
    task = LabelledTask(Instruction("corner", "refexp"), corner)
    changed = [rescaled(observation(), task, np.random.default_rng(n)) for n in range(100)]
    assert None in changed
    assert any(one is not None for one in changed)


def test_where_a_crop_could_make_an_answer_wrong_pictures_only_shrink() -> None:
    task = LabelledTask(Instruction("How many?", "vqa"), Answer(text="1"))
    for seed in range(50):
        changed = rescaled(observation(), task, np.random.default_rng(seed))
        assert changed is not None
        image = changed[0].image
        assert image is not None
        side = edges(image.pixels)
        assert side.x2 - side.x1 <= 81


def test_masks_depth_and_normals_go_with_the_picture() -> None:
    mask = (observation().image.pixels[..., 0]).copy()  # type: ignore[union-attr]
    depth = np.full((240, 320), 2.0, np.float32)
    normals = np.full((240, 320, 3), 0.5, np.float32)
    pictures = (Picture("mask", mask), Picture("depth", depth), Picture("normals", normals))
    task = LabelledTask(Instruction("", "depth"), Answer(pictures=pictures))
    for seed in range(20):
        changed = rescaled(observation(), task, np.random.default_rng(seed))
        assert changed is not None
        seen, labelled = changed
        assert seen.image is not None
        moved_mask, moved_depth, moved_normals = (one.pixels for one in labelled.answer.pictures)
        shown, wanted = moved_mask > 127, seen.image.pixels[..., 0] > 127
        assert (shown != wanted).mean() < 0.02
        assert set(np.unique(moved_depth)) <= {0.0, 2.0}
        assert np.isnan(moved_normals[moved_depth == 0]).all()


def test_other_colours_leave_shapes_and_ask_for_no_colour() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:20, 10:20] = 200, 30, 30
    pixels[25:35, 30:50] = 90, 90, 90
    box = Box(10, 10, 20, 20)
    tasks = (
        LabelledTask(Instruction("mug", "localize"), Answer(detections=(Detection(box, "mug"),))),
        LabelledTask(Instruction("What colour is it?", "vqa"), Answer(text="red")),
        LabelledTask(
            Instruction("the red mug", "refexp"), Answer(detections=(Detection(box, ""),))
        ),
        LabelledTask(Instruction("", "detect"), Answer(detections=(Detection(box, "red mug"),))),
    )
    sample = Sample("one", Observation(image=Frame(pixels, 0)), tasks)
    turned = recolored_sample(sample, np.random.default_rng(1))
    assert turned is not None
    assert turned.tasks == tasks[:1]
    assert turned.observation.image is not None
    seen = turned.observation.image.pixels
    assert (seen[12, 12] != pixels[12, 12]).any()
    assert (seen[10:20, 10:20] == seen[12, 12]).all()
    assert np.abs(seen[30, 40].astype(int) - 90).max() <= 1  # gray has no hue
    assert recolored_sample(replace(sample, tasks=tasks[1:]), np.random.default_rng(1)) is None
