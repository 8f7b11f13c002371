"""Every task once on the tiny synthetic model: the real processor, engine and grammars together."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from synthetic_inputs import image, waveform

from uio2_ros.inference import Engine
from uio2_ros.model import ModelConfig, UnifiedIO
from uio2_ros.processing import Processor
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.tasks import (
    TASKS,
    Box,
    Frame,
    Instruction,
    Observation,
    Task,
    TaskRunner,
    TaskSettings,
)
from uio2_ros.tasks.registry import tasks_of
from uio2_ros.tasks.task import DEFAULT_FAMILY

GOLDEN = Path(__file__).parents[1] / "golden"
REGION = Box(120, 40, 360, 400)
REQUESTS = [
    Instruction("Where is the mug?"),
    Instruction("Where is {box}?", region=REGION),
    Instruction("red mug", "refexp"),
    Instruction("mug", "localize"),
    Instruction("", "detect", options=("mug", "dining table")),
    Instruction("", "keypoints"),
    Instruction("What color is it?", "vqa"),
    Instruction("", "caption"),
    Instruction("", "video_caption"),
    Instruction("", "audio_caption"),
    Instruction("", "image_tag"),
    Instruction("", "video_tag"),
    Instruction("", "demonstration_caption"),
    Instruction("", "coco_detect"),
    Instruction("", "cuboids", options=("mug", "plate")),
    Instruction("", "categorize"),
    Instruction("", "categorize", options=("mug", "a green apple"), region=REGION),
    Instruction("It is", "score", options=("mug", "a green apple")),
    Instruction("stack the mugs", "next_action"),
    Instruction("stack the mugs", "plan", seed=3),
    Instruction("go to the door", "navigate"),
    Instruction("reach the mug", "act"),
]
DRAWN = [
    Instruction("", "depth"),
    Instruction("", "normals"),
    Instruction("mug", "segment", region=REGION),
    Instruction("a red mug", "generate_image", seed=4),
    Instruction("tidy up", "goal_image"),
    Instruction("make it green", "edit_image"),
    Instruction("a bowl", "inpaint", region=REGION),
    Instruction("a dog", "generate_audio"),
]


def plain(task: Task) -> Instruction:
    """What the task must be given and no more."""
    given = {
        "instruction": "",
        **{one.fills: GIVEN[one.fills] for one in task.arguments if one.required},
    }
    return Instruction(**given, task=task.name)


GIVEN = {"instruction": "mug", "options": ("mug", "plate"), "region": REGION, "action_space": ""}
TRIED = {request.task for request in (*REQUESTS, *DRAWN)}
REQUESTS += [plain(task) for name, task in tasks_of(DEFAULT_FAMILY).items() if name not in TRIED]


@pytest.fixture(scope="module")
def engine():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Engine.synthetic("tiny", device="cpu")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tiny_runner(engine):
    settings = TaskSettings(free_form_tokens=16, caption_tokens=8, max_boxes=4, max_steps=2)
    return TaskRunner(engine, settings=settings)


@pytest.fixture(scope="module")
def seen():
    frames = [Frame(image(480, 640, seed), seed, "cam", key=seed) for seed in (2, 1)]
    camera = CameraModel(640, 480, 500.0, 500.0, 320.0, 240.0)
    return Observation(frames[1], (frames[0],), waveform(5.0, 7), camera=camera)


@pytest.fixture(scope="module")
def drawing_runner(engine):
    """On a model of one layer that draws 8 x 8 codes and sounds of 32, and does not synthesise."""
    config = ModelConfig.load("tiny").to_dict()
    config["t5_config"] |= {
        "default_image_size": [64, 64],
        "decoder_max_image_length": 64,
        "decoder_max_audio_length": 32,
        "num_encoder_layers": 1,
        "num_decoder_layers": 1,
    }
    grid = {"resolution": 64, "default_input_size": [64, 64], "attn_resolutions": [8]}
    config["image_vqgan"] |= grid
    config["audio_vqgan"] |= {"patch_size": [32, 32]}
    model = UnifiedIO.synthetic(config)
    processor = Processor(model.config, engine.tokenizer)
    vocoder = SimpleNamespace(waveform=lambda spectrogram: 4 * spectrogram.ravel())
    return TaskRunner(Engine(model, processor, synthetic_weights=True, vocoder=vocoder))


@pytest.fixture(scope="module")
def answered(tiny_runner, seen):
    """The answers to instructions given one at a time, remembered."""
    return cache(lambda instruction: tiny_runner.run(instruction, seen))


@pytest.mark.parametrize("instruction", REQUESTS, ids=lambda request: request.task or "free form")
def test_every_task_gives_what_it_promises(answered, instruction):
    answer = answered(instruction)
    assert answer.synthetic_weights
    assert answer.text
    filled = {
        name
        for name in ("detections", "keypoints", "plan", "options", "scores")
        if getattr(answer, name)
    }
    assert filled <= set(TASKS[instruction.task].outputs)
    for found in answer.detections:
        assert 0 <= found.box.x1 <= found.box.x2 <= 640
        assert 0 <= found.box.y1 <= found.box.y2 <= 480
        assert 0 < found.score < 1
    if instruction.task in ("next_action", "plan", "act", "navigate"):
        assert answer.plan.steps
    assert answer.timings.total > 0


def test_a_batch_of_every_task_gives_the_answers_of_single_runs(tiny_runner, answered, seen):
    answers = tiny_runner.run_batch([(instruction, seen) for instruction in REQUESTS])
    for together, instruction in zip(answers, REQUESTS, strict=True):
        alone = answered(instruction)
        assert (together.task, together.error_msg, together.text, together.plan) == (
            (alone.task, "", alone.text, alone.plan)
        )
        assert together.scores == pytest.approx(alone.scores, abs=1e-4)
        assert [found.box for found in together.detections] == [
            found.box for found in alone.detections
        ]


@pytest.fixture(scope="module")
def drawn(drawing_runner, seen):
    """The answers of one batch to the instructions that ask for pictures and sounds."""
    return drawing_runner.run_batch([(instruction, seen) for instruction in DRAWN])


def test_pictures_and_sounds_of_a_batch_are_those_of_single_runs(drawing_runner, drawn, seen):
    for batched, instruction in zip(drawn, DRAWN, strict=True):
        alone = drawing_runner.run(instruction, seen)
        assert (batched.error_msg, batched.text) == ("", alone.text)
        for one, other in zip(batched.pictures, alone.pictures, strict=True):
            assert (one.role, one.label) == (other.role, other.label)
            np.testing.assert_allclose(one.pixels, other.pixels, atol=1)
        for one, other in zip(batched.audio, alone.audio, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_pictures_have_the_form_that_their_role_promises(drawn):
    by_task = {answer.task: answer for answer in drawn}
    depth, normals, mask = (
        by_task[task].pictures[0].pixels for task in ("depth", "normals", "segment")
    )
    assert (depth.shape, depth.dtype) == ((480, 640), np.float32)
    assert ((depth >= 0) & (depth <= 10)).all()
    assert (normals.shape, normals.dtype) == ((480, 640, 3), np.float32)
    known = np.isfinite(normals).all(-1)
    assert np.linalg.norm(normals[known], axis=-1) == pytest.approx(1.0, abs=1e-5)
    assert (normals[known][:, 2] < 0).all()
    assert set(np.unique(mask)) <= {0, 255}
    assert mask.shape == (480, 640)
    assert by_task["generate_image"].pictures[0].pixels.shape == (64, 64, 3)
    for task in ("goal_image", "edit_image", "inpaint"):
        pixels = by_task[task].pictures[0].pixels
        assert (pixels.shape, pixels.dtype) == ((480, 640, 3), np.uint8)
    (sound,) = by_task["generate_audio"].audio
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(1.0)


def test_a_seed_gives_the_same_picture_again_and_another_gives_another(drawing_runner):
    first, again, other = (
        drawing_runner.generate_image("a red mug", seed=seed).pixels for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_forced_keypoints_are_those_of_the_released_code(engine):
    runner = TaskRunner(engine)
    written = []
    runner.run(
        Instruction("", "keypoints", region=REGION),
        Observation(Frame(image(480, 640, 1), 1)),
        lambda _stage, text, _tokens: written.append(text),
    )
    golden = np.load(GOLDEN / "keypoints_forced.npz")["tokens"].tolist()
    assert engine.processor.tokenizer.encode(written[-2]) == golden[1:-1]


def test_forcing_locations_matches_the_released_code(engine):
    """The rule alone, without a grammar beyond "anything", on the five-modality golden input."""
    from uio2_ros.decoding import Symbols, free_form
    from uio2_ros.inference import Sampling
    from uio2_ros.inference.constraint import ConstrainedDecoding

    golden = np.load(GOLDEN / "text.npz")["boxes_forced"].tolist()
    example = engine.processor(
        text="Pick up the red mug and place it on the tray.",
        image=image(480, 640, 1),
        image_history=[image(480, 640, seed) for seed in (2, 3, 4)],
        audio=waveform(12.24, 7),
    )
    grammar = free_form(Symbols.of(engine.processor.tokenizer), longest=len(golden) - 1)
    sampling = Sampling(
        max_new_tokens=len(golden) - 1,
        min_new_tokens=len(golden) - 1,
        logits_processors=(ConstrainedDecoding(grammar, 0.0),),
    )
    (generation,) = engine.generate([example], sampling=sampling)
    assert generation.tokens == golden[1:]
