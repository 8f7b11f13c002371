"""What each task takes, out of the table of tasks: for forms, JSON schemas and MCP. No rclpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from uio2_ros.robot.action_space import load_action_spaces
from uio2_ros.robot.box import Box
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.tasks.arguments import Argument
from uio2_ros.tasks.methods import instruction_of
from uio2_ros.tasks.task import Task

CORNERS = ("x1", "y1", "x2", "y2")


@cache
def spaces_of(task: Task) -> tuple[str, ...]:
    """The action spaces of the package that a task can plan in, its default first."""
    spaces = load_action_spaces(None)
    fitting = [name for name, space in spaces.items() if space.kind in task.action_spaces]
    return tuple(sorted(fitting, key=lambda name: (name != task.default_action_space, name)))


def schema_of(task: Task) -> dict[str, Any]:
    """The JSON schema of an object with the task's arguments by their names."""
    properties = {one.name: _schema(task, one) for one in task.arguments}
    properties["seed"] = {
        "type": "integer",
        "description": "0: the most probable answer; any other: sampled with it",
        "default": 0,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [one.name for one in task.arguments if one.required],
        "additionalProperties": False,
    }


def _schema(task: Task, argument: Argument) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": "string"}
    if argument.fills == "options":
        kind = {"type": "array", "items": {"type": "string"}}
    elif argument.fills == "region":
        kind = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    elif argument.fills == "action_space":
        kind = {"type": "string", "enum": list(spaces_of(task))}
    more = " Pixels: x1, y1, x2, y2." if argument.fills == "region" else ""
    return {**kind, "description": argument.meaning + more}


def asked(task: Task, given: Mapping[str, Any]) -> Instruction:
    """The instruction of arguments by their names; InstructionError INVALID_REQUEST for others."""
    known = {one.name: one for one in task.arguments}
    unknown = sorted(set(given) - {*known, "seed"})
    missing = [one.name for one in known.values() if one.required and not given.get(one.name)]
    if unknown or missing:
        wrong = f"does not take {unknown[0]!r}" if unknown else f"needs {missing[0]!r}"
        takes = ", ".join(known) or "nothing"
        raise _invalid(f"task {task.name or 'ask'!r} {wrong}; it takes {takes}, and seed")
    values = {name: _value(one, given.get(name)) for name, one in known.items()}
    seed = given.get("seed", 0)
    if not isinstance(seed, int):
        raise _invalid(f"the seed is {seed!r}; expected a whole number")
    try:
        return instruction_of(task, values, seed)
    except TypeError as error:
        raise _invalid(str(error)) from None


def _value(argument: Argument, given: Any) -> Any:
    if given is None or given == "":
        return argument.default
    return box_of(given) if argument.fills == "region" else given


def box_of(corners: Sequence[float] | str) -> Box:
    """A box of four numbers or a text with them; InstructionError INVALID_REQUEST for others."""
    numbers = corners.split(",") if isinstance(corners, str) else corners
    try:
        x1, y1, x2, y2 = map(float, numbers)
    except (TypeError, ValueError):
        expected = ", ".join(CORNERS)
        raise _invalid(f"the region is {corners!r}; expected {expected} in pixels") from None
    return Box(x1, y1, x2, y2)


def _invalid(message: str) -> InstructionError:
    return InstructionError(ErrorCode.INVALID_REQUEST, message)
