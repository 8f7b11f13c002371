"""docs/tasks.md says what is there, and its example works."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from uio2_ros.tasks import TASKS, Instruction, Task, TaskSettings
from uio2_ros.tasks.registry import registry

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
ROWS = {
    cells[1].strip(" `"): cells
    for cells in (line.split(" | ") for line in re.findall(r"^\|( .* )\|$", PAGE, re.MULTILINE))
    for cells in [["", *cells]]
}


def test_every_task_has_a_row_with_its_trained_prompt():
    for name, task in TASKS.items():
        prompt = task.prompt.replace("\n", "\\n")
        assert f"`{prompt}`" in ROWS[name or "(empty)"], name


def test_the_settings_it_names_are_there():
    named = {setting for row in ROWS.values() for setting in re.findall(r"`(\w+)`", row[-1])}
    assert {"max_boxes", "normal_axes"} <= named
    assert named - {"settings"} <= set(TaskSettings.__dataclass_fields__)


@pytest.fixture
def count(tmp_path, monkeypatch):
    """The example, installed as a module of another package."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "counting_for_a_test.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    return EntryPoint("count", "counting_for_a_test:TASK", "uio2_ros.tasks")


def test_the_example_answers(runner, engine, observation, count, monkeypatch):
    found = registry([count])
    assert found.problems == {}
    assert isinstance(found.tasks["count"], Task)
    monkeypatch.setattr("uio2_ros.tasks.registry._installed", lambda: found)
    engine.script = ["12"]
    answer = runner.run(Instruction("red mugs", "count"), observation)
    assert engine.prompts == ["How many red mugs are there? A short answer to the question is"]
    assert (answer.task, answer.text) == ("count", "12")


def test_the_example_keeps_to_its_grammar(runner, engine, observation, count, monkeypatch):
    monkeypatch.setattr("uio2_ros.tasks.registry._installed", lambda: registry([count]))
    engine.script = ["a dozen"]
    answer = runner.run(Instruction("red mugs", "count"), observation)
    assert int(answer.text) in range(21)
