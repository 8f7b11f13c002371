"""Every task once on the tiny synthetic model: the real processor, engine and grammars together."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_inputs import image, waveform

from uio2_ros.inference import Engine
from uio2_ros.tasks import TASKS, Box, Frame, Instruction, Observation, TaskRunner, TaskSettings

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
    Instruction("", "categorize"),
    Instruction("", "categorize", options=("mug", "a green apple"), region=REGION),
    Instruction("It is", "score", options=("mug", "a green apple")),
    Instruction("stack the mugs", "next_action"),
    Instruction("stack the mugs", "plan", seed=3),
    Instruction("go to the door", "navigate"),
]


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
    return Observation(frames[1], (frames[0],), waveform(5.0, 7))


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
    if instruction.task in ("next_action", "plan", "navigate"):
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


def test_every_task_is_tried():
    assert {request.task for request in REQUESTS} == set(TASKS)


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
