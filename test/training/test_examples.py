"""What the model is taught is what its tasks decode to the right answer, for every task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transforms3d.quaternions import quat2mat

import uio2_ros
from uio2_ros.data.import_settings import ImportSettings
from uio2_ros.data.lerobot import LeRobotDataSet, import_episode
from uio2_ros.data.sample import LabelledTask, Sample
from uio2_ros.data.simulated import SimulatedSettings, samples_of
from uio2_ros.decoding import COCO_17
from uio2_ros.model.families.unified_io_2.config import ModelConfig
from uio2_ros.processing import Processor, Tokenizer
from uio2_ros.robot.action_space import (
    ActionSpace,
    Dimension,
    DimensionKind,
    SpaceKind,
    load_action_spaces,
)
from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, Point, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.robot.plan import TaskPlan
from uio2_ros.sim import PictureSize, Split, sample_episode
from uio2_ros.tasks.model_calls import PictureCall, ScoreCall
from uio2_ros.tasks.registry import TASKS
from uio2_ros.training.examples import ExampleError, ExampleMaker, TrainingExample, examples

ROOT = Path(__file__).parents[2]
LOCATIONS = 999
EPISODES = (("swap", 96, 96), ("go_to", 160, 96), ("rang", 72, 128))
TEXTS = {
    *("vqa", "categorize", "caption", "image_tag", "audio_caption"),
    *("video_caption", "video_tag", "demonstration_caption"),
}
BOXES = {"detect", "localize", "refexp"}
DRAWN = {"generate_image", "goal_image", "edit_image", "inpaint"}


@pytest.fixture(scope="module")
def maker() -> ExampleMaker:
    path = Path(uio2_ros.__file__).parent / "assets" / "synthetic_tokenizer.model"
    processor = Processor(ModelConfig.load("tiny"), Tokenizer(path))
    return ExampleMaker(processor, load_action_spaces(ROOT / "config" / "action_spaces"))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    """The first and the last pictures of episodes, wide, high and square."""
    found: list[Sample] = []
    for task, width, height in EPISODES:
        settings = SimulatedSettings(size=PictureSize(width, height), period_s=5.0)
        episode = sample_episode(task, 3, Split.TRAIN, settings.size)
        made = list(samples_of(episode, settings))
        found += [*(one for one in made if "_step0_" in one.key), made[-1]]
    return found


@pytest.fixture(scope="module")
def taught(maker: ExampleMaker, samples: list[Sample]) -> list[tuple[Sample, TrainingExample]]:
    return [(sample, one) for sample in samples for one in maker.examples(sample)]


def of(
    taught: list[tuple[Sample, TrainingExample]], *tasks: str
) -> list[tuple[Sample, TrainingExample]]:
    found = [(sample, one) for sample, one in taught if one.labelled.instruction.task in tasks]
    assert {one.labelled.instruction.task for _, one in found} == set(tasks)
    return found


def sample(
    task: str, answer: Answer, said: str = "", *, image: bool = True, **more: object
) -> Sample:
    pixels = np.full((60, 80, 3), 90, np.uint8)
    seen = Observation(
        image=Frame(pixels, 9) if image else None,
        history=(Frame(pixels, 1),),
        camera=CameraModel(80, 60, 70.0, 70.0, 39.5, 29.5),
    )
    return Sample("s", seen, (LabelledTask(Instruction(said, task, **more), answer),))


def location_px(sample: Sample) -> float:
    """Pixels that neighbouring locations are apart."""
    return max(sample.observation.image.pixels.shape[:2]) / LOCATIONS


def test_texts_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, *TEXTS):
        assert one.decoded.text == one.labelled.answer.text


def test_boxes_come_back_within_a_location(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for shown, one in of(taught, *BOXES):
        right, found = one.labelled.answer.detections, one.decoded.detections
        assert [one.label for one in found] == [one.label for one in right]
        for one, other in zip(found, right, strict=True):
            far = np.abs(corners(one.box) - corners(other.box)).max()
            assert far <= location_px(shown) * 1.01


def corners(box: Box) -> np.ndarray:
    return np.array([box.x1, box.y1, box.x2, box.y2])


def test_masks_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, "segment"):
        right, found = one.labelled.answer.pictures, one.decoded.pictures
        assert [one.label for one in found] == [one.label for one in right]
        for one, other in zip(found, right, strict=True):
            different = (one.pixels != other.pixels).sum()
            assert different <= 0.05 * (other.pixels > 0).sum()


def test_an_object_that_is_named_is_found_and_then_segmented(
    taught: list[tuple[Sample, TrainingExample]],
) -> None:
    named = [one for _, one in of(taught, "segment") if one.labelled.instruction.region is None]
    kinds = [isinstance(one.call, PictureCall) for one in named]
    assert kinds == [False, True] * (len(kinds) // 2)


def test_depth_comes_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, "depth"):
        right, found = one.labelled.answer.pictures[0], one.decoded.pictures[0]
        known = right.pixels > 0
        wrong = np.abs(found.pixels - right.pixels)[known]
        assert np.median(wrong) <= 0.5 * 10 / 255 * 1.5


def test_normals_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, "normals"):
        right, found = one.labelled.answer.pictures[0], one.decoded.pictures[0]
        aligned = (found.pixels * right.pixels).sum(-1)
        known = np.isfinite(aligned)
        assert known.sum() > 0.97 * np.isfinite(right.pixels[..., 0]).sum()
        assert np.degrees(np.arccos(np.clip(np.median(aligned[known]), -1, 1))) < 1.5


def test_drawn_pictures_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, *DRAWN - {"generate_image"}):
        right, found = one.labelled.answer.pictures[0], one.decoded.pictures[0]
        assert np.abs(found.pixels.astype(int) - right.pixels).mean() < 6
    for _, one in of(taught, "generate_image"):
        assert one.decoded.pictures[0].pixels.shape == (256, 256, 3)


def test_cuboids_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    count = 0
    for shown, one in of(taught, "cuboids"):
        camera = shown.observation.camera
        depth_bin_m = 0.101 / LOCATIONS * 1000 * camera.fy / camera.height
        found = {one.label: one for one in one.decoded.cuboids}
        for right in one.labelled.answer.cuboids:
            if right.label not in found:
                assert is_outside(right, camera)
                continue
            count += 1
            expect_close(found[right.label], right, depth_bin_m)
    assert count > 10


def is_outside(cuboid: Cuboid, camera: CameraModel) -> bool:
    """Whether its middle is not in the picture."""
    x, y, z = cuboid.center
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    return not (0 <= u <= camera.width and 0 <= v <= camera.height)


def expect_close(found: Cuboid, right: Cuboid, depth_bin_m: float) -> None:
    away = np.linalg.norm(np.subtract(found.center, right.center))
    assert away < 1.2 * depth_bin_m + 0.003 * right.center[2]
    assert found.size == pytest.approx(right.size, rel=0.01, abs=0.009)
    turn = quat2mat(found.quaternion_wxyz).T @ quat2mat(right.quaternion_wxyz)
    assert np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))) < 0.5


def test_plans_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, "plan", "next_action"):
        right, found = one.labelled.answer.plan, one.decoded.plan
        assert [step.kind for step in found.steps] == [step.kind for step in right.steps]
        for one, other in zip(found.steps, right.steps, strict=True):
            for pose, wanted in ((one.start, other.start), (one.end, other.end)):
                assert abs(pose.x - wanted.x) < 0.00051
                assert abs(pose.y - wanted.y) < 0.00101
                turn = (pose.yaw - wanted.yaw + np.pi) % (2 * np.pi) - np.pi
                assert abs(np.degrees(turn)) < 0.361


def test_what_was_heard_is_there_to_plan_with(taught: list[tuple[Sample, TrainingExample]]) -> None:
    heard = [one for shown, one in of(taught, "plan") if shown.key.startswith("rang")]
    assert heard
    assert all(one.example.audio is not None for one in heard)


def test_moves_and_sounds_come_back(taught: list[tuple[Sample, TrainingExample]]) -> None:
    for _, one in of(taught, "navigate"):
        assert one.decoded.plan == one.labelled.answer.plan
    for _, one in of(taught, "generate_audio"):
        np.testing.assert_array_equal(one.decoded.audio[0], one.labelled.answer.audio[0])


def test_options_are_taught_by_writing_the_right_one(
    taught: list[tuple[Sample, TrainingExample]],
) -> None:
    chosen = [one for _, one in taught if isinstance(one.call, ScoreCall)]
    assert chosen
    for one in chosen:
        assert one.target == one.labelled.answer.text == one.decoded.text


def test_every_example_has_the_target_that_its_prompt_asks_for(
    taught: list[tuple[Sample, TrainingExample]],
) -> None:
    for _, one in taught:
        example = one.example
        given = {
            "text": example.text_target,
            "image": example.image_target,
            "audio": example.audio_target,
        }
        assert [name for name, one in given.items() if one is not None] == [example.target]


def test_examples_make_a_batch(
    maker: ExampleMaker, taught: list[tuple[Sample, TrainingExample]]
) -> None:
    chosen = [of(taught, task)[0][1].example for task in ("vqa", "depth", "generate_audio")]
    batch = maker.processor.collate(chosen)
    assert batch.text_target is not None
    assert batch.image_target_mask.sum((1, 2)).bool().tolist() == [False, True, False]
    assert batch.audio_target_mask.sum((1, 2)).bool().tolist() == [False, False, True]


def test_a_paraphrase_changes_the_prompt_alone(maker: ExampleMaker, samples: list[Sample]) -> None:
    for number in range(3):
        (trained,) = maker.examples_of(samples[0], number)
        (other,) = maker.examples_of(samples[0], number, variant=1)
        assert trained.call.prompt != other.call.prompt
        assert (
            len(trained.example.text) != len(other.example.text)
            or (trained.example.text != other.example.text).any()
        )
        again = maker.examples_of(
            samples[0], number, 1 + len(TASKS[trained.labelled.instruction.task].prompt().variants)
        )
        assert again[0].call.prompt == trained.call.prompt


def test_one_call_teaches_one_sample(maker: ExampleMaker, samples: list[Sample]) -> None:
    spaces = load_action_spaces(ROOT / "config" / "action_spaces")
    first = replace(samples[0], tasks=samples[0].tasks[:3])
    made = examples(first, maker.processor, spaces)
    assert [one.target for one in made[:2]] == [one.target for one in maker.examples(first)[:2]]


def test_unknown_depth_is_not_taught(maker: ExampleMaker) -> None:
    metres = np.full((60, 80), 2.0, np.float32)
    metres[:30] = np.nan
    (one,) = maker.examples(sample("depth", Answer(pictures=(Picture("depth", metres),))))
    assert one.example.image_target_mask.mean() == pytest.approx(0.75 / 2, abs=0.01)


def test_the_hidden_part_of_an_inpainted_picture_is_marked(maker: ExampleMaker) -> None:
    drawn = Answer(pictures=(Picture("generated", np.zeros((60, 80, 3), np.uint8)),))
    (one,) = maker.examples(sample("inpaint", drawn, "cup", region=Box(20, 15, 60, 45)))
    hidden = one.example.image_target_hidden
    assert hidden[128, 128]
    assert hidden.mean() == pytest.approx(0.5 * 0.5 * 0.75, abs=0.01)


def test_joints_come_back(maker: ExampleMaker) -> None:
    points = tuple(Point(name, 10 + 3 * n, 5 + 2 * n) for n, name in enumerate(COCO_17))
    person = PointSet("person", Box(5, 2, 70, 50), points)
    made = maker.examples(sample("keypoints", Answer(keypoints=(person,))))
    assert len(made) == 2  # who there is, and their joints
    (found,) = made[0].decoded.keypoints
    assert [point.name for point in found.points] == list(COCO_17)
    for one, other in zip(found.points, points, strict=True):
        assert (one.x, one.y) == pytest.approx((other.x, other.y), abs=80 / LOCATIONS * 1.01)


def test_coco_classes_come_back_by_their_names(maker: ExampleMaker) -> None:
    found = (Detection(Box(5, 5, 20, 20), "traffic light"), Detection(Box(30, 5, 50, 40), "cup"))
    (one,) = maker.examples(sample("coco_detect", Answer(detections=found)))
    assert "traffic-light" in one.target
    assert [one.label for one in one.decoded.detections] == ["traffic light", "cup"]


def test_recorded_actions_come_back(maker: ExampleMaker) -> None:
    names = ("shoulder", "elbow", "gripper")
    made = tuple(Dimension(name, DimensionKind.JOINT, "rad", -2.0, 2.0) for name in names)
    space = ActionSpace(
        "testarm", SpaceKind.CONTINUOUS, "joints", "base_link", made, rate_hz=10, chunk=3
    )
    data = LeRobotDataSet(ROOT / "test" / "data" / "lerobot" / "video")
    first = next(import_episode(data, data.episodes[0], ImportSettings(space)))
    (one,) = examples(first, maker.processor, {"testarm": space})
    right, found = one.labelled.answer.plan, one.decoded.plan
    for one, other in zip(found.steps, right.steps, strict=True):
        assert one.values == pytest.approx(other.values, abs=4 / LOCATIONS * 1.01)
        assert one.time_from_start_s == pytest.approx(other.time_from_start_s)


def test_nothing_found_is_taught_by_an_empty_text(maker: ExampleMaker) -> None:
    (one,) = maker.examples(sample("localize", Answer(), "unicorn"))
    assert one.example.text_target.tolist() == [1]
    assert one.decoded.detections == ()


def test_a_box_smaller_than_a_location_has_an_area(maker: ExampleMaker) -> None:
    found = (Detection(Box(79.99, 59.99, 80, 60), "ant"),)
    (one,) = maker.examples(sample("localize", Answer(detections=found), "ant"))
    assert min(one.decoded.detections[0].box.size) > 0


def test_a_box_in_space_beside_the_picture_is_left_out(maker: ExampleMaker) -> None:
    here = Cuboid("here", (0.0, 0.0, 1.0), (0.1, 0.1, 0.1), (1.0, 0.0, 0.0, 0.0))
    beside = replace(here, label="beside", center=(3.0, 0.0, 1.0))
    (one,) = maker.examples(sample("cuboids", Answer(cuboids=(here, beside))))
    assert [one.label for one in one.decoded.cuboids] == ["here"]


WRONG: Sequence[tuple[Sample, str]] = (
    (sample("caption", Answer()), "no text"),
    (sample("caption", Answer(text="word " * 200)), "caption_tokens|at most 65 tokens"),
    (sample("depth", Answer()), "0 pictures, expected one"),
    (sample("generate_audio", Answer(), "bell"), "0 sounds"),
    (sample("refexp", Answer(), "cup"), "0 boxes"),
    (sample("plan", Answer(), "go"), "no plan"),
    (sample("navigate", Answer(plan=TaskPlan("pointnav", ())), "go"), "no plan"),
    (sample("coco_detect", Answer(detections=(Detection(Box(1, 1, 9, 9), "yeti"),))), "'yeti'"),
    (sample("segment", Answer(), "cup", region=Box(1, 1, 9, 9)), "no box"),
    (sample("vqa", Answer(text="red"), "colour?", options=("blue", "green")), "none of the opt"),
    (sample("vqa", Answer(text="red")), "instruction is empty"),
    (sample("caption", Answer(text="cup"), image=False), "needs a picture"),
    (sample("juggle", Answer(text="cup")), "no task is called 'juggle'"),
)


@pytest.mark.parametrize(("wrong", "told"), WRONG)
def test_what_cannot_be_taught_is_told(maker: ExampleMaker, wrong: Sample, told: str) -> None:
    with pytest.raises(ExampleError, match=told) as raised:
        maker.examples(wrong)
    assert "sample s" in str(raised.value)
