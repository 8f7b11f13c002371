"""`python -m uio2_ros.cli.task_reference`: writes what is derived from the table of tasks.

These are the tables in docs/tasks.md, and the stubs that tell type checkers and editors of the
methods per task. Run it after a change to a task of this package; tests compare.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path

from uio2_ros.client.agent_methods import AgentMethods
from uio2_ros.tasks.methods import TaskMethods
from uio2_ros.tasks.registry import own_tasks
from uio2_ros.tasks.runner_methods import RunnerMethods
from uio2_ros.tasks.task import Task, Use

PACKAGE = Path(__file__).parents[1]
PAGE = PACKAGE.parent / "docs" / "tasks.md"
LINE = 100


@dataclass(frozen=True)
class Stub:
    """The `.pyi` beside the file of a class with a method per task, and how it begins."""

    kind: type[TaskMethods]
    file: Path
    head: str
    left_out: frozenset[str] = frozenset()
    """Methods that the class which inherits them writes itself."""


RUNNER = Stub(
    RunnerMethods,
    PACKAGE / "tasks" / "runner_methods.pyi",
    """
import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.answer import Answer, Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.camera_model import CameraModel
from uio2_ros.robot.observation import Frame
from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.tasks.methods import TaskMethods

Image = npt.NDArray[np.uint8] | str | os.PathLike[str] | Frame
Samples = npt.NDArray[np.float32]
""",
)
CLIENT = Stub(
    AgentMethods,
    PACKAGE / "client" / "agent_methods.pyi",
    """
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from typing_extensions import Unpack

from uio2_ros.client.pending_answer import OnProgress, PendingAnswer
from uio2_ros.robot.answer import Cuboid, Detection, Picture, PointSet
from uio2_ros.robot.box import Box
from uio2_ros.robot.plan import Step, TaskPlan
from uio2_ros.tasks.methods import TaskMethods

class AskSettings(TypedDict, total=False):
    max_age_s: float
    timeout_s: float
    seed: int
    on_progress: OnProgress | None
    picture: bytes
""",
    frozenset({"ask", "ask_async"}),
)
STUBS = (RUNNER, CLIENT)


def main() -> None:
    """Write all of it."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for stub in STUBS:
        stub.file.write_text(stub_text(stub), encoding="utf-8")


def stub_text(stub: Stub) -> str:
    """What type checkers are told of a class."""
    lines = [f"# Made by {__spec__.name}: edit the tasks instead.", stub.head.rstrip(), ""]
    lines += [f"class {stub.kind.__name__}(TaskMethods):", f'    """{stub.kind.__doc__}"""', ""]
    for suffix, kind in stub.kind._kinds.items():
        for task in own_tasks():
            for name in sorted({method + suffix for method in task.methods} - stub.left_out):
                lines += [*_definition(name, kind.signature(task)), *_docstring(task), ""]
    return "\n".join(lines).rstrip() + "\n"


def _definition(name: str, signature: Signature) -> list[str]:
    """The head of a method, broken as ruff does where it is longer than a line."""
    parameters = _written(signature)
    gives = f" -> {signature.return_annotation}:"
    whole = f"    def {name}({', '.join(parameters)}){gives}"
    if len(whole) <= LINE:
        return [whole]
    inner = " " * 8 + ", ".join(parameters)
    if len(inner) <= LINE:
        return [f"    def {name}(", inner, f"    ){gives}"]
    return [f"    def {name}(", *(f"        {one}," for one in parameters), f"    ){gives}"]


def _written(signature: Signature) -> list[str]:
    """Its parameters as in a file."""
    written = []
    for one in signature.parameters.values():
        named = f"{one.name}: {one.annotation}" if one.annotation is not one.empty else one.name
        if one.kind is Parameter.KEYWORD_ONLY and "*" not in written:
            written.append("*")
        stars = "**" if one.kind is Parameter.VAR_KEYWORD else ""
        default = "" if one.default is one.empty else f" = {one.default!r}".replace("'", '"')
        written.append(stars + named + default)
    return written


def _docstring(task: Task) -> list[str]:
    return textwrap.wrap(
        f'"""{task.description}"""', LINE, initial_indent=" " * 8, subsequent_indent=" " * 8
    )


def page(text: str) -> str:
    """The page with its tables made anew; each stands below a comment that names it."""
    for name, table in (("tasks", _tasks_table()), ("prompts", _prompts_table())):
        before, mark, after = text.partition(f"<!-- table: {name} -->\n")
        if not mark:
            raise ValueError(f"{PAGE} needs a line '<!-- table: {name} -->' and has none")
        text = before + mark + table + "\n\n" + after.partition("\n\n")[2]
    return text


def _tasks_table() -> str:
    head = ["task", "gives", "arguments", "sees", "what methods return", "settings"]
    return _table(head, [_row(task) for task in own_tasks()])


def _row(task: Task) -> list[str]:
    arguments = [
        f"`{one.name}` ({one.fills.replace('_', ' ')}{'' if one.required else ', optional'})"
        f": {one.meaning}"
        for one in task.arguments
    ]
    returned = RunnerMethods._kinds[""].signature(task).return_annotation
    return [
        ("" if task.name else "(empty), ") + ", ".join(map(_code, task.methods)),
        task.description,
        "; ".join(arguments),
        _seen(task),
        _code(returned),
        ", ".join(map(_code, task.settings)),
    ]


def _seen(task: Task) -> str:
    uses = {
        "picture": task.image,
        "history": task.history,
        "sound": task.audio,
        "camera_info": task.camera,
        "past moves": task.moves,
    }
    needed = [name for name, use in uses.items() if use is Use.REQUIRED]
    useful = [name for name, use in uses.items() if use is Use.OPTIONAL]
    told = [", ".join(needed)] if needed else []
    told += ["perhaps " + ", ".join(useful)] if useful else []
    return ", ".join(told) or "nothing"


def _prompts_table() -> str:
    rows = [
        [
            f"`{task.name}`" if task.name else "(empty)",
            _code(family),
            _code(prompt.text),
            _code(prompt.with_region),
        ]
        for task in own_tasks()
        for family, prompt in sorted(task.prompts.items(), reverse=True)
    ]
    return _table(["task", "family", "prompt", "with a region"], rows)


def _code(text: str) -> str:
    written = text.replace("\n", "\\n")
    return f"`{written}`" if text else ""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


if __name__ == "__main__":
    main()
