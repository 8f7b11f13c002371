"""docs/tasks.md says what is there, and who follows it has a task that everything knows."""

import inspect
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from uio2_ros.robot.answer import Answer
from uio2_ros.tasks import Instruction, TaskRunner, TaskSettings, describe_tasks, suggest
from uio2_ros.tasks.registry import TASKS, own_tasks, registry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def count(tmp_path, monkeypatch):
    """The example, installed as a module of another package."""
    (tmp_path / "counting_for_a_test.py").write_text(EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)
    own = tuple(task for task in own_tasks() if task.name != "count")
    monkeypatch.setattr("uio2_ros.tasks.registry.own_tasks", lambda: own)
    found = registry([EntryPoint("count", "counting_for_a_test:TASK", "uio2_ros.tasks")])
    assert found.problems == {}
    monkeypatch.setattr("uio2_ros.tasks.registry._installed", lambda: found)


def test_the_settings_of_tasks_are_there():
    named = {setting for task in TASKS.values() for setting in task.settings}
    assert {"max_boxes", "normal_axes"} <= named <= set(TaskSettings.__dataclass_fields__)


@pytest.mark.usefixtures("count")
def test_the_example_answers(runner, engine, observation):
    engine.script = ["12"]
    answer = runner.run(Instruction("red mugs", "count"), observation)
    assert engine.prompts == ["How many red mugs are there? A short answer to the question is"]
    assert (answer.task, answer.text) == ("count", "12")


@pytest.mark.usefixtures("count")
def test_the_example_keeps_to_its_grammar(runner, engine, observation):
    engine.script = ["a dozen"]
    assert runner.count(observation.image, "red mugs") in range(21)


@pytest.mark.usefixtures("count")
def test_the_example_has_a_method_of_its_own_type(runner, engine, observation):
    engine.script = ["12"]
    assert runner.count(observation.image, "red mugs") == 12
    assert str(inspect.signature(TaskRunner.count)).endswith("-> 'int'")
    assert list(inspect.signature(runner.count).parameters) == ["image", "what", "seed"]
    assert "what to count" in runner.count.__doc__
    assert "count" in dir(runner)


@pytest.mark.usefixtures("count")
def test_the_example_is_told_of_and_asked_for_in_words():
    (told,) = (task for task in describe_tasks() if task.name == "count")
    assert told.description.endswith("The instruction is what to count, for example: cups.")
    assert told.needs_image
    assert suggest("Tally the cups").task == "count"


def test_a_file_among_the_tasks_is_all_it_takes_inside_the_package(tmp_path):
    (tmp_path / "count.py").write_text(EXAMPLE)
    asked = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import uio2_ros.tasks.builtin as tasks; tasks.__path__.append({str(tmp_path)!r})\n"
            "import inspect\n"
            "from uio2_ros.tasks import TaskRunner, describe_tasks, suggest_task\n"
            "print('count' in [task.name for task in describe_tasks()], suggest_task('tally it'))\n"
            "print(inspect.signature(TaskRunner.count))",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=ROOT,
    )
    assert asked.stdout.splitlines() == [
        "True count",
        "(self, image: 'Image', what: 'str', *, seed: 'int' = 0) -> 'int'",
    ]


def test_the_example_takes_no_sentence_of_another_task(tmp_path):
    (tmp_path / "count.py").write_text(EXAMPLE)
    routing = ROOT / "test" / "tasks" / "test_routing.py"
    asked = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import uio2_ros.tasks.builtin as tasks; tasks.__path__.append({str(tmp_path)!r})\n"
            "import pytest\n"
            f"raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', {str(routing)!r}]))",
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=ROOT,
    )
    assert asked.returncode == 0, asked.stdout


@pytest.mark.usefixtures("count")
def test_the_part_of_the_answer_is_read_by_the_task():
    assert TASKS["count"].gives(Answer(text="3")) == 3
