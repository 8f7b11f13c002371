"""Every task that Unified-IO 1 has, on a synthetic model of it, and those that it has not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from synthetic_inputs import image, waveform
from uio1_inputs import GOLDEN, segmentation

from uio2_ros.decoding import COCO_17, Symbols, parse_boxes
from uio2_ros.decoding.instance_masks import instance_masks
from uio2_ros.decoding.poses import parse_pose
from uio2_ros.inference import Engine, Sampling
from uio2_ros.processing.unified_io_1 import T5Tokenizer
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.tasks import TaskRunner, colored_segments
from uio2_ros.tasks.registry import tasks_of
from uio2_ros.tasks.session import Session
from uio2_ros.tasks.settings import TaskSettings

FAMILY = "unified_io_1"
PICTURE = image(240, 320, 1)
REGION = Box(60, 40, 200, 180)
GOLDEN_TASKS = json.loads((GOLDEN / "tasks.json").read_text())


@pytest.fixture(scope="module")
def runner() -> TaskRunner:
    engine = Engine.synthetic(
        "tiny", tokenizer=GOLDEN / "tokenizer.model", device="cpu", family_name=FAMILY
    )
    return TaskRunner(engine, settings=TaskSettings(answer_tokens=4, max_boxes=2))


def test_the_family_has_the_tasks_that_it_was_trained_for() -> None:
    assert set(tasks_of(FAMILY)) == {
        "",
        "caption",
        "categorize",
        "depth",
        "generate_image",
        "image_from_segments",
        "inpaint",
        "keypoints",
        "localize",
        "normals",
        "refexp",
        "region_caption",
        "score",
        "segment",
        "vqa",
    }


@pytest.mark.parametrize("call", GOLDEN_TASKS["calls"], ids=lambda call: call["task"])
def test_prompts_are_those_of_the_original(call: dict[str, object]) -> None:
    task, instruction, region = {
        "caption": ("caption", "", False),
        "vqa": ("vqa", "What color is the mug?", False),
        "depth": ("depth", "", False),
        "surface_normal": ("normals", "", False),
        "image_generation": ("generate_image", "A horse in a grassy field.", False),
        "image_inpainting": ("inpaint", "table", True),
        "object_segmentation": ("segment", "painting", False),
        "refexp": ("refexp", "the red mug", False),
        "object_localization": ("localize", "mug", False),
        "region_caption": ("region_caption", "", True),
        "region_classification": ("categorize", "", True),
        "image_classification": ("categorize", "", False),
        "pose": ("keypoints", "", True),
        "segmentation_based_generation": (
            "image_from_segments",
            "penguin : white , rock : red , sea : lime",
            False,
        ),
    }[str(call["task"])]
    asked = Instruction(instruction, task, region=REGION if region else None)
    found = tasks_of(FAMILY)[task]
    session = Session(
        family=FAMILY,
        template=found.template(asked, FAMILY),
        instruction=asked,
        observation=Observation(),
        settings=TaskSettings(),
        symbols=Symbols.of(T5Tokenizer(GOLDEN / "tokenizer.model")),
        token_limit=128,
        compile_grammar=lambda make, **rest: make(**rest),
        lower_case=found.prompt(FAMILY).lower_case,
    )
    box = " ".join(f"<extra_id_{n}>" for n in (178, 256, 412, 568))
    assert session.prompt.replace("{box}", box) == call["prompt"]


def test_texts_boxes_and_options(runner: TaskRunner) -> None:
    assert runner.caption(PICTURE)
    assert runner.vqa(PICTURE, "What is it?")
    assert runner.region_caption(PICTURE, REGION)
    assert runner.categorize(PICTURE, ["bed", "sofa"], REGION) in ("bed", "sofa")
    scores = runner.score(PICTURE, "what is it?", ["mug", "tray"])
    assert set(scores) == {"mug", "tray"}
    box = runner.refexp(PICTURE, "the red mug").box
    assert 0 <= box.x1 <= box.x2 <= 320
    assert 0 <= box.y1 <= box.y2 <= 240
    assert {one.label for one in runner.localize(PICTURE, "mug")} <= {"mug"}


def test_pictures(runner: TaskRunner) -> None:
    depth = runner.depth(PICTURE).pixels
    assert depth.shape == (240, 320)
    assert 0 <= depth.min() <= depth.max() <= 10
    assert runner.normals(PICTURE).pixels.shape == (240, 320, 3)
    assert runner.generate_image("a mug").pixels.shape == (256, 256, 3)
    painted, names = colored_segments([PICTURE[..., 0] > 100], ["a mug"])
    assert runner.image_from_segments(painted, names).pixels.shape == (256, 256, 3)
    filled = runner.inpaint(PICTURE, REGION, "a table").pixels
    outside = np.ones((240, 320), bool)
    outside[40:180, 60:200] = False
    assert np.array_equal(filled[outside], PICTURE[outside])
    assert runner.segment(PICTURE, "mug").pixels.shape == (240, 320)


@pytest.mark.parametrize(
    ("task", "given"),
    [("depth", (PICTURE,)), ("segment", (PICTURE, "mug")), ("generate_image", ("a mug",))],
)
def test_pictures_are_drawn_as_the_original_draws_them(
    runner: TaskRunner, monkeypatch: pytest.MonkeyPatch, task: str, given: tuple[object, ...]
) -> None:
    class Asked(Exception):
        """With the sampling, before anything is drawn."""

    def refuse(*_: object, sampling: Sampling, negative: object, **__: object) -> None:
        raise Asked(replace(sampling, seed=None), negative)

    monkeypatch.setattr(runner.engine, "generate", refuse)
    with pytest.raises(Asked) as asked:
        getattr(runner, task)(*given)
    assert asked.value.args == (Sampling(top_p=0.9), None)


def test_poses(runner: TaskRunner) -> None:
    (found,) = runner.keypoints(PICTURE, REGION)
    assert found.box == REGION
    assert {point.name for point in found.points} <= set(COCO_17)


def test_older_pictures_and_sound_are_not_shown_to_it(runner: TaskRunner) -> None:
    frame = Frame(PICTURE, 1)
    heard = Observation(image=frame, history=(frame,), audio=waveform(5.0))
    alone = Observation(image=frame)
    asked = Instruction("What does the image describe ?")
    assert runner.run(asked, heard).text == runner.run(asked, alone).text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"image_history": [PICTURE]}, "no older ones"),
        ({"audio": waveform(4.0)}, "no sound"),
        ({"target": "audio"}, "text and image"),
    ],
)
def test_the_library_refuses_what_the_family_does_not_take(
    runner: TaskRunner, given: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInputError, match=said):
        runner.engine.processor(text="What is it?", image=PICTURE, **given)


def test_other_tasks_are_unknown_and_those_there_are_listed(runner: TaskRunner) -> None:
    with pytest.raises(InstructionError, match=r"next_action.*caption.*refexp") as refused:
        runner.next_action(PICTURE, "put the mug on the tray")
    assert refused.value.code is ErrorCode.UNKNOWN_TASK


@pytest.mark.parametrize("case", GOLDEN_TASKS["boxes"])
def test_boxes_are_read_as_the_original_does(runner: TaskRunner, case: dict) -> None:
    tokens = case["tokens"][: case["tokens"].index(1)]
    height, width = case["image_hw"]
    boxes = parse_boxes(runner.engine.processor.tokenizer, tokens)
    assert [box.label for box in boxes] == case["labels"]
    for box, (x1, y1, x2, y2) in zip(boxes, case["boxes_xyxy"], strict=True):
        assert np.array(box.yxyx) * max(height, width) == pytest.approx([y1, x1, y2, x2])


@pytest.mark.parametrize("case", GOLDEN_TASKS["poses"], ids=lambda case: case["name"])
def test_poses_are_read_as_the_original_does(runner: TaskRunner, case: dict) -> None:
    tokens = case["tokens"][: case["tokens"].index(1)]
    found = parse_pose(runner.engine.processor.tokenizer, tokens, COCO_17)
    if case["points_xy"] is None:
        assert found == ()
        return
    expected = {
        name: (point, visibility)
        for name, point, visibility in zip(
            COCO_17, case["points_xy"], case["visibility"], strict=False
        )
        if visibility > 0
    }
    assert {joint.point.name for joint in found} == set(expected)
    side = 640
    for joint in found:
        (x, y), visibility = expected[joint.point.name]
        assert (joint.point.x * side, joint.point.y * side) == pytest.approx((x, y))
        assert joint.visibility == visibility


def test_masks_are_those_of_the_colours_without_specks() -> None:
    with np.load(GOLDEN / "segmentation.npz") as pinned:
        meant = np.unpackbits(pinned["meant"], axis=-1).astype(bool)
    assert np.array_equal(instance_masks(segmentation()), meant)
