from pathlib import Path

import pytest

from uio2_ros.errors import InstructionError
from uio2_ros.tasks import TASKS, TaskInfo, describe_tasks, task_named

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


def test_every_task_is_there():
    assert set(TASKS) == SPEC_TASKS


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
