"""All tasks by name, those of this package and those that others bring. Imports no torch.

The tasks of this package are those of the files in `builtin/`.
Another package brings tasks by entry points of the group `uio2_ros.tasks`, each of which names a
`Task`, for instance in its pyproject.toml:

    [project.entry-points."uio2_ros.tasks"]
    count = "my_robot.count:TASK"
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from types import MappingProxyType

from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks import builtin
from uio2_ros.tasks.task import DEFAULT_FAMILY, Task, TaskInfo

GROUP = "uio2_ros.tasks"


@dataclass(frozen=True)
class Registry:
    """Tasks by name, and why tasks that other packages promise are not there."""

    tasks: Mapping[str, Task]
    problems: Mapping[str, str]


def registry(brought: Iterable[EntryPoint]) -> Registry:
    """The tasks of this package and of entry points.

    An entry point that cannot be loaded, gives no task or takes a name that is taken is left out
    and named in `problems`; a warning tells of it.
    """
    tasks = {task.name: task for task in own_tasks()}
    problems: dict[str, str] = {}
    for entry in brought:
        problem = _add(entry, tasks)
        if problem:
            problems[entry.name] = problem
            warnings.warn(f"task {entry.name!r} is left out: {problem}", stacklevel=2)
    return Registry(MappingProxyType(tasks), MappingProxyType(problems))


def own_tasks() -> tuple[Task, ...]:
    """The tasks of this package, by name."""
    found = [
        value
        for file in iter_modules(builtin.__path__, f"{builtin.__name__}.")
        for value in vars(import_module(file.name)).values()
        if isinstance(value, Task)
    ]
    return tuple(sorted(found, key=lambda task: task.name))


def _add(entry: EntryPoint, tasks: dict[str, Task]) -> str:
    """Add the task of an entry point; what is wrong with it, "" for nothing."""
    source = f"entry point {entry.value!r} of {entry.dist.name if entry.dist else 'no package'}"
    try:
        task = entry.load()
    except Exception as error:  # whatever another package's import raises
        return f"{source} cannot be loaded: {type(error).__name__}: {error}"
    if not isinstance(task, Task):
        return f"{source} is a {type(task).__name__}; expected a uio2_ros.tasks.Task"
    if task.name in tasks:
        return f"{source} has the name of another task, {task.name!r}; give it one of its own"
    tasks[task.name] = task
    return ""


@cache
def _installed() -> Registry:
    return registry(entry_points(group=GROUP))


class _Installed(Mapping[str, Task]):
    """Every task, loaded when first looked at: other packages' files import this package."""

    def __getitem__(self, name: str) -> Task:
        return _installed().tasks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_installed().tasks)

    def __len__(self) -> int:
        return len(_installed().tasks)


TASKS: Mapping[str, Task] = _Installed()


def tasks_of(family: str) -> dict[str, Task]:
    """The tasks that models of a family have."""
    return {name: task for name, task in TASKS.items() if family in task.prompts}


def task_named(name: str, family: str = DEFAULT_FAMILY) -> Task:
    """The task. Raises InstructionError UNKNOWN_TASK, with the names there are, for any other."""
    tasks = tasks_of(family)
    if name in tasks:
        return tasks[name]
    problems = _installed().problems
    known = ", ".join(known for known in tasks if known) + (
        ', or "" for free form' if "" in tasks else ""
    )
    if name in TASKS:
        problem = (
            f"models of the family {family!r} do not have task {name!r}; expected one of {known}"
        )
    elif name in problems:
        problem = f"no task is called {name!r}; {problems[name]}; repair or remove that package"
    else:
        problem = f"no task is called {name!r}; expected one of {known}"
    raise InstructionError(ErrorCode.UNKNOWN_TASK, problem)


def gives_plan(name: str) -> bool:
    """Whether a task's answer is to move a robot."""
    return name in TASKS and "plan" in TASKS[name].outputs


def describe_tasks(family: str = DEFAULT_FAMILY) -> tuple[TaskInfo, ...]:
    """What `~/list_tasks` tells: every task that models of a family have, free form first."""
    return tuple(TaskInfo.of(task, family) for task in tasks_of(family).values())
