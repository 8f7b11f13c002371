"""What the model can be asked to do. Importable without torch, which `TaskRunner` brings in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uio2_ros.decoding.colored_segments import colored_segments
from uio2_ros.robot.action_space import (
    ActionSpace,
    ActionSpaceError,
    action_space_folder,
    load_action_spaces,
)
from uio2_ros.robot.answer import Answer, Stage
from uio2_ros.robot.box import Box
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation
from uio2_ros.tasks.model_calls import Asking, Reply
from uio2_ros.tasks.phrases import Phrase
from uio2_ros.tasks.registry import TASKS, describe_tasks, task_named, tasks_of
from uio2_ros.tasks.routing import Suggestion, suggest, suggest_task
from uio2_ros.tasks.session import Session
from uio2_ros.tasks.settings import TaskSettings
from uio2_ros.tasks.targets import LabelledCall, TargetError
from uio2_ros.tasks.task import Argument, Prompt, Task, TaskInfo, Use, parse_failed

if TYPE_CHECKING:
    from uio2_ros.tasks.runner import TaskRunner

__all__ = [
    "TASKS",
    "ActionSpace",
    "ActionSpaceError",
    "Answer",
    "Argument",
    "Asking",
    "Box",
    "Frame",
    "Instruction",
    "LabelledCall",
    "Observation",
    "Phrase",
    "Prompt",
    "Reply",
    "Session",
    "Stage",
    "Suggestion",
    "TargetError",
    "Task",
    "TaskInfo",
    "TaskRunner",
    "TaskSettings",
    "Use",
    "action_space_folder",
    "colored_segments",
    "describe_tasks",
    "load_action_spaces",
    "parse_failed",
    "suggest",
    "suggest_task",
    "task_named",
    "tasks_of",
]


def __getattr__(name: str) -> Any:
    if name == "TaskRunner":
        from uio2_ros.tasks.runner import TaskRunner

        return TaskRunner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
