"""What tasks take, out of their table."""

from __future__ import annotations

import pytest

from uio2_ros.page.task_fields import asked, schema_of, spaces_of
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.tasks.registry import TASKS


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_has_a_schema_of_its_arguments(name: str) -> None:
    task, schema = TASKS[name], schema_of(TASKS[name])
    assert set(schema["properties"]) == {one.name for one in task.arguments} | {"seed"}
    assert schema["required"] == [one.name for one in task.arguments if one.required]
    assert all(one["description"] for one in schema["properties"].values())


def test_arguments_become_the_instruction() -> None:
    assert asked(TASKS["localize"], {"what": "cup"}) == Instruction("cup", "localize")
    free = asked(TASKS[""], {"text": "{box}?", "region": [1, 2, 3, 4], "seed": 7})
    assert (free.region, free.seed) == (Box(1, 2, 3, 4), 7)


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("localize", {}, "needs 'what'"),
        ("localize", {"what": "cup", "path": "/etc"}, "does not take 'path'"),
        ("localize", {"what": 5}, "what is a int"),
        ("localize", {"what": "cup", "seed": "x"}, "the seed is 'x'"),
        ("", {"text": "x", "region": "1,2"}, "the region"),
        ("", {"text": "x", "options": "one"}, "expected several"),
    ],
)
def test_what_a_task_does_not_take_is_refused(
    name: str, given: dict[str, object], problem: str
) -> None:
    with pytest.raises(InstructionError, match=problem) as refused:
        asked(TASKS[name], given)
    assert refused.value.code is ErrorCode.INVALID_REQUEST


def test_spaces_are_those_the_task_can_plan_in_its_default_first() -> None:
    spaces = spaces_of(TASKS["next_action"])
    assert spaces[0] == TASKS["next_action"].default_action_space
    assert spaces_of(TASKS["localize"]) == ()
