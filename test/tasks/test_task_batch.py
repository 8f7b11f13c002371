"""Several instructions at once on an engine that writes what it is told to."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from uio2_ros.decoding import COCO_17, free_text
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.serving.faults import InstructionCanceled
from uio2_ros.serving.runner import explained
from uio2_ros.tasks import (
    TASKS,
    Answer,
    Box,
    Frame,
    Instruction,
    Observation,
    Prompt,
    Session,
    Stage,
    Task,
)
from uio2_ros.tasks.batch import TaskBatch

PROMPTS = {"unified_io_2": Prompt("Hello.")}


def test_different_tasks_share_one_engine_batch(runner, engine, observation, locations):
    engine.script = [locations(250, 100, 500, 400), "a red mug", "left"]
    refexp, caption, navigate = runner.run_batch(
        [
            (Instruction("mug", "refexp"), observation),
            (Instruction("", "caption"), observation),
            (Instruction("go on", "navigate"), observation),
        ]
    )
    assert engine.batches == [3]
    assert [found.label for found in refexp.detections] == ["mug"]
    assert caption.text == "a red mug"
    assert [step.name for step in navigate.plan.steps] == ["left"]
    assert [answer.task for answer in (refexp, caption, navigate)] == [
        "refexp",
        "caption",
        "navigate",
    ]


def test_each_row_stays_in_its_own_grammar(runner, engine, observation):
    """All are told to write the same; only the caption may."""
    engine.script = ["no idea"] * 3
    plan, navigate, caption = runner.run_batch(
        [
            (Instruction("go on", "plan"), observation),
            (Instruction("go on", "navigate"), observation),
            (Instruction("", "caption"), observation),
        ]
    )
    assert plan.plan.steps
    assert navigate.text in ("stop", "forward", "left", "right")
    assert caption.text == "no idea"


def test_tasks_of_several_calls_advance_together(runner, engine, observation, locations):
    """Looking for people takes one call, their joints the next; the caption is done after one."""
    people = f"{locations(200, 100, 700, 190)} person {locations(200, 300, 700, 390)} person"
    pose = " ".join(f"{locations(300 + 10 * i, 400)} {name}" for i, name in enumerate(COCO_17))
    engine.script = [people, "a crowd", people, *[pose] * 4]
    first, caption, second = runner.run_batch(
        [
            (Instruction("", "keypoints"), observation),
            (Instruction("", "caption"), observation),
            (Instruction("", "keypoints"), observation),
        ]
    )
    assert engine.batches == [3, 4]
    assert (len(first.keypoints), caption.text, len(second.keypoints)) == (2, "a crowd", 2)


def test_batches_are_as_large_as_the_settings_allow(runner_with, engine, observation):
    engine.script = ["a mug"] * 5
    runner = runner_with(max_batch=2)
    answers = runner.run_batch([(Instruction("", "caption"), observation)] * 5)
    assert engine.batches == [2, 2, 1]
    assert [answer.text for answer in answers] == ["a mug"] * 5


def test_drawn_and_greedy_instructions_share_a_batch(runner, engine, observation):
    engine.script = ["a mug"] * 3
    runner.run_batch(
        [(Instruction("", "caption", seed=seed), observation) for seed in (7, 0, 8)],
    )
    assert engine.batches == [3]
    assert [request.sampling.seed for request in engine.requests] == [7, None, 8]


def test_one_error_does_not_spoil_the_others(runner, engine, observation):
    engine.script = ["a mug", "a mug"]
    broken = Observation(Frame(np.zeros((0, 640, 3), np.uint8), 0))
    answers = runner.run_batch(
        [
            (Instruction("", "caption"), observation),
            (Instruction("", "levitate"), observation),
            (Instruction("", "caption"), broken),
            (Instruction("", "refexp"), observation),
            (Instruction("", "caption"), observation),
        ]
    )
    assert [answer.error_code for answer in answers] == [
        ErrorCode.NONE,
        ErrorCode.UNKNOWN_TASK,
        ErrorCode.INVALID_INPUT,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.NONE,
    ]
    assert [answer.text for answer in answers] == ["a mug", "", "", "", "a mug"]
    assert all(answer.error_msg for answer in answers[1:4])
    assert answers[2].task == "caption"


def test_an_answer_of_the_wrong_form_is_its_own_error(runner, engine, observation, monkeypatch):
    monkeypatch.setattr(
        Session, "grammar", lambda session, *_, **_arguments: free_text(session.symbols, 8)
    )
    engine.script = ["no idea", "a mug"]
    refexp, caption = runner.run_batch(
        [(Instruction("mug", "refexp"), observation), (Instruction("", "caption"), observation)]
    )
    assert refexp.error_code is ErrorCode.PARSE_FAILED
    assert caption.text == "a mug"


def test_a_batch_too_large_for_the_memory_is_halved(runner, engine, observation, monkeypatch):
    encode = engine.encode

    def small_memory(*examples):
        if len(examples) > 2:
            raise torch.OutOfMemoryError("needed 3 GiB")
        return encode(*examples)

    monkeypatch.setattr(engine, "encode", small_memory)
    engine.script = ["a mug"] * 5
    answers = runner.run_batch([(Instruction("", "caption"), observation)] * 5)
    assert engine.batches == [2, 1, 2]
    assert [answer.text for answer in answers] == ["a mug"] * 5


def test_scores_and_texts_go_together(runner, engine, observation):
    engine.script = ["a mug"]
    scored, caption = runner.run_batch(
        [
            (Instruction("It is", "score", options=("full", "empty")), observation),
            (Instruction("", "caption"), observation),
        ]
    )
    assert (scored.text, scored.scores) == ("full", (-4.0, -5.0))
    assert caption.text == "a mug"


def test_progress_names_the_instruction_it_is_about(runner, engine, observation):
    engine.script = ["a red mug", "yes"]
    told = []
    runner.run_batch(
        [(Instruction("", "caption"), observation), (Instruction("Is it?", "vqa"), observation)],
        lambda *now: told.append(now),
    )
    last = {number: text for number, stage, text, _ in told if stage is Stage.FINISHING}
    assert last == {0: "a red mug", 1: "yes"}
    assert {number for number, stage, _, _ in told if stage is Stage.GENERATING} == {0, 1}


def test_what_progress_raises_ends_the_whole_batch(runner, engine, observation):
    class Canceled(Exception):
        pass

    def cancel(_number, stage, _text, tokens):
        if stage is Stage.GENERATING and tokens == 2:
            raise Canceled

    engine.script = ["a very long answer that nobody waits for"] * 2
    with pytest.raises(Canceled):
        runner.run_batch([(Instruction("", "caption"), observation)] * 2, cancel)


def test_no_instructions_are_no_answers(runner):
    assert runner.run_batch([]) == ()


def test_regions_of_several_instructions_are_their_own(runner, engine, observation, locations):
    engine.script = ["mug", "plate"]
    regions = (Box(100, 50, 300, 200), Box(0, 0, 640, 480))
    runner.run_batch(
        [(Instruction("", "categorize", region=region), observation) for region in regions]
    )
    assert locations(202, 156, 437, 468) in engine.prompts[0]
    assert locations(124, 0, 874, 999) in engine.prompts[1]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda _session: Answer(text="hello"), "is no generator but gives a Answer"),
        (lambda session: session.generate_sound("hello"), "returned a ndarray; expected an Answer"),
    ],
)
def test_a_task_that_is_written_wrongly_is_told_how(
    runner, engine, observation, monkeypatch, answer, problem
):
    engine.sounds = [np.zeros(16, np.float32)]
    task = Task("hello", "Greets.", PROMPTS, ("text",), answer)
    monkeypatch.setattr("uio2_ros.tasks.runner.task_named", lambda _name, _family: task)
    with pytest.raises(TypeError, match=f"task 'hello' {problem}"):
        runner.run(Instruction("hello", "hello"), observation)


def test_a_mistake_in_a_task_does_not_spoil_the_others(
    runner, engine, observation, monkeypatch, caplog
):
    def broken(session):
        yield from session.generate_sound("hello")
        return Answer(text={}["missing"])

    engine.script, engine.sounds = ["a mug"], [np.zeros(16, np.float32)]
    tasks = {"broken": Task("broken", "Fails.", PROMPTS, ("text",), broken), **TASKS}
    monkeypatch.setattr("uio2_ros.tasks.runner.task_named", lambda name, _family: tasks[name])
    failed, caption = runner.run_batch(
        [(Instruction("hello", "broken"), observation), (Instruction("", "caption"), observation)]
    )
    assert failed.error_code is ErrorCode.INFERENCE_FAILED
    assert "task 'broken' failed: KeyError: 'missing'" in failed.error_msg
    assert "in broken" in caplog.text
    assert caption.text == "a mug"


def test_instructions_come_and_go_while_others_are_written(runner, engine, observation):
    """The second is done before the first, which began earlier and is longer."""
    engine.script = ["a very long description of a red mug", "a cup"]
    batch, ended, stages = TaskBatch(engine, 8), [], []
    first, second = (
        runner.start(Instruction("", "caption"), observation, lambda *now: stages.append(now))
        for _ in range(2)
    )
    batch.add(first)
    for _ in range(3):
        ended += batch.step()
    batch.add(second)
    while batch.busy:
        ended += batch.step()
    assert ended == [second, first]
    assert second.answer.text == "a cup"
    assert first.answer.text == "a very long description of a red mug"
    assert engine.batches == [1, 1]


def test_an_instruction_that_nobody_waits_for_leaves_the_others_alone(runner, engine, observation):
    class Canceled(Exception):
        pass

    def cancel(stage, _text, tokens):
        if stage is Stage.GENERATING and tokens == 2:
            raise Canceled

    engine.script = ["a description that nobody waits for", "a red mug on a table"]
    batch = TaskBatch(engine, 8)
    canceled = runner.start(Instruction("", "caption"), observation, cancel)
    other = runner.start(Instruction("", "caption"), observation, lambda *_: None)
    for running in (canceled, other):
        batch.add(running)
    ended = []
    while batch.busy:
        ended += batch.step()
    assert ended == [canceled, other]
    assert isinstance(canceled.error, Canceled)
    assert canceled.interrupted
    assert other.answer.text == "a red mug on a table"


def test_a_picture_waits_for_no_text_that_came_after_it(runner, engine, observation):
    engine.script = ["a mug", "a red mug"]
    engine.pictures = [np.zeros((256, 256, 3), np.uint8)]
    batch, ended = TaskBatch(engine, 1), []
    for task in ("caption", "generate_image", "caption"):
        batch.add(runner.start(Instruction("a mug", task), observation, lambda *_: None))
    while batch.busy:
        ended += [running.task.name for running in batch.step()]
    assert ended == ["caption", "generate_image", "caption"]


def test_what_was_cancelled_holds_no_picture_until_the_collector_comes(runner, engine, observation):
    def cancel(*_):
        raise InstructionCanceled

    engine.script = ["a description that nobody waits for"]
    seen = replace(observation, image=replace(observation.image, key=None))
    batch, picture, ended = runner.open_batch(), weakref.ref(seen.image), []
    batch.begin(1, Instruction("", "caption"), seen, cancel)
    del seen
    gc.disable()
    try:
        while not ended:
            ended = batch.step()
        fault = explained(ended.pop()[1])
        assert picture() is None
    finally:
        gc.enable()
    assert fault.code is ErrorCode.CANCELED
