"""Ground truth agrees with itself: boxes, masks, cuboids, depth, normals and points."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from transforms3d.quaternions import quat2mat

from uio2_ros.robot.answer import Cuboid
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.sim import PictureSize, Split, World, sample_episode
from uio2_ros.sim.questions import absent_label, audio_caption, caption, questions
from uio2_ros.sim.spec import Colour, Place, Shape
from uio2_ros.sim.splits import is_held_out
from uio2_ros.sim.truth import LEAST_PIXELS, SceneTruth, mask_box, observe

VIEWS = [("put", 3, "front"), ("swap", 3, "top"), ("go_to", 3, "base")]


@pytest.fixture(scope="module", params=VIEWS, ids=lambda view: f"{view[0]}-{view[2]}")
def truth(request: pytest.FixtureRequest) -> Iterator[SceneTruth]:
    task, seed, camera = request.param
    episode = sample_episode(task, seed, Split.TRAIN, PictureSize(320, 240))
    with World(episode.scene) as world:
        yield observe(world, camera)


def corners(cuboid: Cuboid) -> np.ndarray:
    """(8, 3) in the optical frame."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    return signs * cuboid.size @ quat2mat(cuboid.quaternion_wxyz).T + cuboid.center


def project(points: np.ndarray, camera: CameraModel) -> np.ndarray:
    x, y, z = points.T
    return np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], axis=-1)


def test_something_is_seen(truth: SceneTruth) -> None:
    assert len(truth.objects) >= 2
    assert all(np.count_nonzero(seen.mask) >= LEAST_PIXELS for seen in truth.objects)


def test_a_box_is_its_masks(truth: SceneTruth) -> None:
    for seen in truth.objects:
        box = seen.box
        inside = seen.mask[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
        assert np.count_nonzero(inside) == np.count_nonzero(seen.mask)
        for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert edge.any()


def test_masks_do_not_overlap(truth: SceneTruth) -> None:
    assert np.sum([seen.mask > 0 for seen in truth.objects], axis=0).max() == 1


def test_a_mask_lies_within_its_projected_cuboid(truth: SceneTruth) -> None:
    camera = truth.camera.model
    for seen in truth.objects:
        pixels = project(corners(seen.cuboid), camera)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        slack = 1.5
        assert low[0] - slack <= seen.box.x1
        assert seen.box.x2 - 1 <= high[0] + slack
        assert low[1] - slack <= seen.box.y1
        assert seen.box.y2 - 1 <= high[1] + slack


def test_the_depth_of_an_object_is_that_of_its_cuboid(truth: SceneTruth) -> None:
    for seen in truth.objects:
        depths = truth.depth[seen.mask > 0]
        reach = corners(seen.cuboid)[:, 2]
        assert reach.min() - 0.01 <= depths.min()
        assert depths.max() <= reach.max() + 0.01


def test_normals_are_unit_vectors_that_face_the_camera(truth: SceneTruth) -> None:
    there = truth.depth > 0
    lengths = np.linalg.norm(truth.normals, axis=-1)
    assert lengths[there] == pytest.approx(1.0, abs=1e-5)
    assert not lengths[~there].any()
    rows, columns = np.nonzero(there)
    camera = truth.camera.model
    rays = np.stack(
        [(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(len(rows))],
        axis=-1,
    )
    assert np.sum(rays * truth.normals[there], axis=-1).max() <= 1e-6


def test_the_normal_of_what_lies_flat_is_up(truth: SceneTruth) -> None:
    """Most of what is no object and lies low is table or floor."""
    up = truth.camera.rotation.T @ np.array([0.0, 0.0, 1.0])
    background = np.all([seen.mask == 0 for seen in truth.objects], axis=0)
    lower = background & (np.arange(240)[:, None] > 150) & (np.arange(240)[:, None] < 200)
    angles = np.degrees(np.arccos(np.clip(truth.normals[lower] @ up, -1, 1)))
    assert np.median(angles) < 1.0


def test_visible_points_lie_on_their_object(truth: SceneTruth) -> None:
    for seen in truth.objects:
        visible = [point for point in seen.keypoints.points if point.visible]
        assert visible
        for point in visible:
            row, column = round(point.y), round(point.x)
            around = seen.mask[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
            # the middle of a rim or of a ring's hole is seen, and is not of the object
            assert around.any() or point.name in ("rim", "centre")


def test_an_empty_mask_has_no_box() -> None:
    with pytest.raises(ValueError, match="an empty mask has no box"):
        mask_box(np.zeros((4, 4), np.uint8))


def test_answers_agree_with_what_is_seen(truth: SceneTruth) -> None:
    asked = questions(truth, Split.HELD_OUT, np.random.default_rng(0))
    answers = {question.text: question.answer for question in asked}
    assert len(asked) >= 6
    labels = {seen.label for seen in truth.objects}
    for text, answer in answers.items():
        if text.startswith("Is there a "):
            assert (text[len("Is there a ") : -1] in labels) == (answer == "yes")
        if text == "How many objects are there?":
            assert answer == str(len(truth.objects))


def test_training_never_names_what_is_held_out() -> None:
    """Not even as absent: denied each time, it would be learnt as what is never there."""
    held_out = {f"{c.value} {s.value}" for c in Colour for s in Shape if is_held_out(c, s)}
    episode = sample_episode("put", 3, Split.TRAIN)
    with World(episode.scene) as world:
        seen = observe(world, episode.scene.cameras[0].name)
    rng = np.random.default_rng(0)
    said = {absent_label(seen, Split.TRAIN, rng) for _ in range(400)}
    assert len(said) > 30
    assert not said & held_out
    asked = [one.text for _ in range(20) for one in questions(seen, Split.TRAIN, rng)]
    assert not [text for text in asked if any(name in text for name in held_out)]
    assert {absent_label(seen, Split.HELD_OUT, rng) for _ in range(400)} & held_out


def test_a_caption_names_everything(truth: SceneTruth) -> None:
    said = caption(truth, Place.TABLE)
    assert all(seen.label in said for seen in truth.objects)
    assert said.endswith("on a table.")


def test_what_was_heard_has_a_name() -> None:
    episode = sample_episode("rang", 1)
    world = World(episode.scene)
    assert audio_caption(world, 4.0) == "Silence."
    episode.begin(world)
    assert audio_caption(world, 4.0) != "Silence."
