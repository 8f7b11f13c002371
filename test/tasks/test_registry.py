import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import (
    TASKS,
    Instruction,
    Task,
    TaskInfo,
    describe_tasks,
    task_named,
)
from uio2_ros.tasks.registry import GROUP, registry, tasks_of
from uio2_ros.tasks.task import DEFAULT_FAMILY

REPOSITORY = Path(__file__).parents[2]
SPEC_TASKS = {
    "",
    "refexp",
    "localize",
    "detect",
    "keypoints",
    "vqa",
    "caption",
    "categorize",
    "score",
    "next_action",
    "plan",
    "navigate",
    "audio_caption",
    "video_caption",
    "video_tag",
    "image_tag",
    "demonstration_caption",
    "coco_detect",
    "cuboids",
    "segment",
    "depth",
    "normals",
    "act",
    "generate_image",
    "goal_image",
    "edit_image",
    "inpaint",
    "generate_audio",
}


def fields_of_message(path):
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return {words[1] for words in lines if len(words) == 2}


def test_every_task_is_there_free_form_first():
    assert set(TASKS) >= SPEC_TASKS
    assert next(iter(TASKS)) == ""


def test_which_tasks_draw_or_sound():
    assert {name for name in SPEC_TASKS if TASKS[name].makes_media} == {
        "segment",
        "depth",
        "normals",
        "generate_image",
        "goal_image",
        "edit_image",
        "inpaint",
        "generate_audio",
    }


def test_descriptions_have_the_fields_of_the_message():
    message = fields_of_message(REPOSITORY / "msg" / "TaskDescription.msg")
    assert message == set(TaskInfo.__dataclass_fields__)


def test_outputs_are_fields_of_the_result_message():
    message = fields_of_message(REPOSITORY / "msg" / "InstructionResult.msg")
    for task in describe_tasks():
        assert task.outputs
        assert set(task.outputs) <= message


def test_descriptions_say_what_a_task_needs():
    told = {task.name: task for task in describe_tasks()}
    assert told["refexp"].needs_image
    assert not told["refexp"].needs_audio
    assert told["audio_caption"].needs_audio
    assert not told["audio_caption"].needs_image
    assert told["score"].needs_options
    assert not told["plan"].needs_action_space
    assert all(task.description and task.prompt for task in told.values())


def test_an_unknown_task_is_an_error():
    with pytest.raises(InstructionError, match="no task is called 'Refexp'"):
        task_named("Refexp")


def entry(name, value):
    return EntryPoint(name, value, GROUP)


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    (tmp_path / "tasks_of_a_test.py").write_text(
        "from uio2_ros.tasks import Prompt, Task\n"
        "PROMPTS = {'unified_io_2': Prompt('Wave.')}\n"
        "TASK = Task('wave', 'Waves.', PROMPTS, ('text',), lambda session: None)\n"
        "CAPTION = Task('caption', 'Another.', PROMPTS, ('text',), lambda session: None)\n"
        "NUMBER = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("other_package")
def test_another_package_brings_its_task():
    found = registry([entry("wave", "tasks_of_a_test:TASK")])
    assert set(found.tasks) == set(TASKS) | {"wave"}
    assert isinstance(found.tasks["wave"], Task)
    assert found.problems == {}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_module_anywhere:TASK", "cannot be loaded: ModuleNotFoundError"),
        ("tasks_of_a_test:MISSING", "cannot be loaded: AttributeError"),
        ("tasks_of_a_test:NUMBER", "is a int; expected a uio2_ros.tasks.Task"),
        ("tasks_of_a_test:CAPTION", "has the name of another task, 'caption'"),
    ],
)
@pytest.mark.usefixtures("other_package")
def test_a_task_that_another_package_breaks_is_left_out_and_named(monkeypatch, value, problem):
    with pytest.warns(UserWarning, match=re.escape(problem)):
        found = registry([entry("wave", value)])
    assert set(found.tasks) == set(TASKS)
    assert found.tasks["caption"] is TASKS["caption"]
    monkeypatch.setattr("uio2_ros.tasks.registry._installed", lambda: found)
    with pytest.raises(InstructionError, match=re.escape(problem)) as refused:
        task_named("wave")
    assert refused.value.code is ErrorCode.UNKNOWN_TASK
    assert "repair or remove that package" in refused.value.message


def test_installed_packages_are_asked_for_their_tasks(other_package):
    """In an interpreter of its own, with a package installed the way pip does it."""
    metadata = other_package / "tasks_of_a_test-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tasks_of_a_test\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\nwave = tasks_of_a_test:TASK\n")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path[:0] = [{str(other_package)!r}, {str(REPOSITORY)!r}]\n"
            "from uio2_ros.tasks import describe_tasks\n"
            "print([task.name for task in describe_tasks()][-1], 'torch' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout.split(), done.stderr) == (["wave", "False"], "")


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name or "free form")
def test_paraphrases_have_the_places_of_the_prompt_and_other_words(task):
    for prompt in task.prompts.values():
        places = sorted(re.findall(r"{\w*}", prompt.text))
        for variant in prompt.variants:
            assert sorted(re.findall(r"{\w*}", variant)) == places
            assert variant != prompt.text
        assert len(set(prompt.variants)) == len(prompt.variants)


def test_all_tasks_with_a_prompt_of_their_own_have_paraphrases():
    without = {
        name for name, task in tasks_of(DEFAULT_FAMILY).items() if not task.prompt().variants
    }
    assert without == {"", "score", "categorize"}


def test_a_paraphrase_is_asked_for_by_number(runner, engine, observation):
    engine.script = ["a mug"] * 2
    for number in (0, 1):
        runner.run(Instruction("", "caption", prompt_variant=number), observation)
    assert engine.prompts == ["Caption this image.", TASKS["caption"].prompt().variants[0]]


@pytest.mark.parametrize("number", [-1, 3])
def test_a_paraphrase_there_is_not_is_an_error(runner, observation, number):
    with pytest.raises(
        InstructionError, match=r"expected 0 \(the trained prompt\) to 2"
    ) as refused:
        runner.run(Instruction("", "caption", prompt_variant=number), observation)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_paraphrases_keep_what_the_instruction_says(runner, engine, observation, locations):
    step = f"1: push from ( {locations(1, 2, 3)} ) and push to ( {locations(4, 5, 6)} )"
    engine.script = [step, "stop"]
    runner.run(Instruction("stack it", "next_action", prompt_variant=1), observation)
    runner.run(Instruction("go on", "navigate", prompt_variant=1), observation)
    assert "stack it" in engine.prompts[0]
    assert "end-action to" in engine.prompts[0]
    assert "stop, forward, left, right" in engine.prompts[1]
