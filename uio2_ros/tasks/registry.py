"""All tasks by name, those of this package and those that others bring. Imports no torch.

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
from types import MappingProxyType

from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.tasks.task import Task, TaskInfo

GROUP = "uio2_ros.tasks"

_FILES = (
    "free_form",
    "refexp",
    "localize",
    "detect",
    "coco_detect",
    "cuboids",
    "keypoints",
    "segment",
    "depth",
    "normals",
    "vqa",
    "captions",
    "categorize",
    "options",
    "manipulation",
    "act",
    "navigate",
    "pictures",
    "inpaint",
    "generate_audio",
)
"""The files of this folder whose tasks there are, in the order in which they are told."""


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
    tasks = {task.name: task for name in _FILES for task in _tasks_of(name)}
    problems: dict[str, str] = {}
    for entry in brought:
        problem = _add(entry, tasks)
        if problem:
            problems[entry.name] = problem
            warnings.warn(f"task {entry.name!r} is left out: {problem}", stacklevel=2)
    return Registry(MappingProxyType(tasks), MappingProxyType(problems))


def _tasks_of(name: str) -> Iterator[Task]:
    for value in vars(import_module(f"uio2_ros.tasks.{name}")).values():
        if isinstance(value, Task):
            yield value


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


def task_named(name: str) -> Task:
    """The task. Raises InstructionError UNKNOWN_TASK, with the names there are, for any other."""
    if name in TASKS:
        return TASKS[name]
    problems = _installed().problems
    if name in problems:
        reason = problems[name] + "; repair or remove that package"
    else:
        known = ", ".join(known for known in TASKS if known)
        reason = f'expected one of {known}, or "" for free form'
    raise InstructionError(ErrorCode.UNKNOWN_TASK, f"no task is called {name!r}; {reason}")


def describe_tasks() -> tuple[TaskInfo, ...]:
    """What `~/list_tasks` tells: every task, free form first."""
    return tuple(TaskInfo.of(task) for task in TASKS.values())
