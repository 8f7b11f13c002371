"""All tasks by name. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from uio2_ros.errors import ErrorCode, InstructionError
from uio2_ros.tasks import (
    captions,
    categorize,
    detect,
    free_form,
    keypoints,
    localize,
    manipulation,
    navigate,
    options,
    refexp,
    vqa,
)
from uio2_ros.tasks.task import Task, TaskInfo

TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            free_form.TASK,
            refexp.TASK,
            localize.TASK,
            detect.TASK,
            keypoints.TASK,
            vqa.TASK,
            captions.IMAGE,
            captions.VIDEO,
            captions.AUDIO,
            categorize.TASK,
            options.TASK,
            manipulation.NEXT_ACTION,
            manipulation.PLAN,
            navigate.TASK,
        )
    }
)


def task_named(name: str) -> Task:
    """The task. Raises InstructionError UNKNOWN_TASK, with the names there are, for any other."""
    if name not in TASKS:
        known = ", ".join(known for known in TASKS if known)
        raise InstructionError(
            ErrorCode.UNKNOWN_TASK,
            f'no task is called {name!r}; expected one of {known}, or "" for free form',
        )
    return TASKS[name]


def describe_tasks() -> tuple[TaskInfo, ...]:
    """What `~/list_tasks` tells: every task, free form first."""
    return tuple(TaskInfo.of(task) for task in TASKS.values())
