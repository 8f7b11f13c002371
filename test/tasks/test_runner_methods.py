"""The methods that tasks give a TaskRunner, and the families of models that have the tasks."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from uio2_ros.inference import families
from uio2_ros.robot.answer import Answer, Detection, Picture
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import TASKS, Box, Instruction, Prompt, TaskRunner, describe_tasks, parts
from uio2_ros.tasks.registry import Registry, task_named
from uio2_ros.tasks.task import DEFAULT_FAMILY


def parameters(name):
    return list(inspect.signature(getattr(TaskRunner, name)).parameters)[1:]


def test_every_task_has_a_method_that_says_what_it_takes():
    for task in TASKS.values():
        for name in task.methods:
            method = getattr(TaskRunner, name)
            assert method.__name__ == name
            assert method.__doc__.startswith(task.description)
            assert {one.name for one in task.arguments} <= set(parameters(name))
            assert {name} <= set(dir(TaskRunner.__new__(TaskRunner)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ask", ["image", "text", "options", "region", "history", "audio", "rate_hz", "seed"]),
        ("refexp", ["image", "text", "seed"]),
        ("vqa", ["image", "question", "options", "region", "seed"]),
        ("video_caption", ["frames", "audio", "rate_hz", "seed"]),
        ("audio_caption", ["audio", "rate_hz", "seed"]),
        ("cuboids", ["image", "camera", "labels", "seed"]),
        ("navigate", ["image", "text", "action_space", "history", "past_moves", "seed"]),
        ("inpaint", ["image", "region", "text", "seed"]),
        ("generate_image", ["text", "seed"]),
    ],
)
def test_methods_take_what_their_task_sees_and_is_told(name, expected):
    assert parameters(name) == expected


def test_there_is_no_method_without_a_task(runner):
    with pytest.raises(AttributeError, match="'TaskRunner' has no attribute 'levitate'"):
        runner.levitate(None)
    with pytest.raises(AttributeError):
        TaskRunner._kind_of_nothing  # noqa: B018


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), r"localize\(\) missing a required argument: 'image'"),
        ((np.zeros((8, 8, 3), np.uint8), 3), "what is a int; expected a str"),
    ],
)
def test_wrong_arguments_are_named(runner, arguments, problem):
    with pytest.raises(TypeError, match=problem):
        runner.localize(*arguments)


def test_one_text_is_no_list_of_labels(runner, observation):
    with pytest.raises(TypeError, match=r"labels is the one text 'mug'; .* such as \['mug'\]"):
        runner.detect(observation.image, "mug")
    with pytest.raises(TypeError, match="region is a tuple; expected a Box"):
        runner.keypoints(observation.image, (1, 2, 3, 4))


def test_questions_take_options_and_a_region(runner, engine, observation):
    assert runner.vqa(observation.image, "Is it red?", ("often", "yes")) == "yes"
    engine.script = ["a mug"]
    assert runner.vqa(observation.image, "What is at {box}?", region=Box(0, 0, 9, 9)) == "a mug"


def test_several_masks_are_given_as_one():
    left, right = np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8)
    left[:, 0], right[:, 3] = 255, 255
    masks = (Picture("mask", left, "mug", 0.5), Picture("mask", right, "mug", 0.75))
    mask = parts.mask(Answer(pictures=masks))
    assert mask.pixels.tolist() == [[255, 0, 0, 255]] * 2
    assert (mask.role, mask.label, mask.score) == ("mask", "mug", 0.75)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (parts.detection, "region"),
        (parts.picture, "picture"),
        (parts.mask, "picture"),
        (parts.sound, "sound"),
        (parts.step, "step"),
        (parts.plan, "step"),
        (parts.scores, "score"),
    ],
)
def test_an_answer_without_the_part_that_matters_is_an_error(part, what):
    with pytest.raises(InstructionError, match=f"refexp has no {what}, only the text") as problem:
        part(Answer(task="refexp", text="no idea"))
    assert problem.value.code is ErrorCode.PARSE_FAILED


def test_finding_nothing_is_no_error():
    nothing = Answer(text="nothing found")
    assert parts.detections(nothing) == parts.cuboids(nothing) == parts.keypoints(nothing) == ()


def test_the_first_of_several_boxes_is_the_one():
    boxes = tuple(Detection(Box(0, 0, size, size), "mug") for size in (3, 4))
    assert parts.detection(Answer(detections=boxes)).box == Box(0, 0, 3, 3)


@pytest.fixture
def other_family(monkeypatch):
    """A family of models that has captions, in its own words, and nothing else."""
    own = {"toy": Prompt("What does the image describe ?")}
    caption = replace(TASKS["caption"], prompts={**TASKS["caption"].prompts, **own})
    tasks = {**TASKS, "caption": caption}
    monkeypatch.setattr("uio2_ros.tasks.registry._installed", lambda: Registry(tasks, {}))
    return "toy"


def test_a_family_is_asked_in_its_own_words(runner, engine, observation, other_family):
    engine.family, engine.script = other_family, ["a mug"]
    assert runner.caption(observation.image) == "a mug"
    assert engine.prompts == ["What does the image describe ?"]
    (told,) = describe_tasks(other_family)
    assert (told.name, told.prompt) == ("caption", "What does the image describe ?")


def test_tasks_and_models_mean_the_same_family_where_none_is_named():
    assert DEFAULT_FAMILY == families.DEFAULT_FAMILY


def test_a_task_that_a_family_lacks_is_unknown_to_it(runner, engine, observation, other_family):
    engine.family = other_family
    with pytest.raises(InstructionError, match="'toy' do not have task 'depth'") as lacks:
        runner.run(Instruction("", "depth"), observation)
    assert lacks.value.code is ErrorCode.UNKNOWN_TASK
    assert lacks.value.message.endswith("expected one of caption")
    assert task_named("depth").name == "depth"
