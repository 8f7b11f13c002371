"""One method per task for who asks a running agent: waiting for the answer, or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import Parameter
from types import MappingProxyType
from typing import Any, TypedDict

from uio2_ros.client.pending_answer import OnProgress
from uio2_ros.tasks.methods import MethodKind, TaskMethods, instruction_of
from uio2_ros.tasks.task import Task


class AskSettings(TypedDict, total=False):
    """What every way to ask takes beside its own arguments.

    max_age_s: seconds the picture may be old; timeout_s: seconds the answer may take; 0 leaves
    either to the agent. seed: 0 decodes as the task does by default, any other samples with it.
    on_progress: is called on the client's thread with each feedback. picture: a JPEG or PNG that
    it is asked about, instead of what the camera sees.
    """

    max_age_s: float
    timeout_s: float
    seed: int
    on_progress: OnProgress | None
    picture: bytes


def _last(_task: Task) -> Sequence[Parameter]:
    return [Parameter("settings", Parameter.VAR_KEYWORD, annotation="Unpack[AskSettings]")]


def _send(client: Any, task: Task, given: Mapping[str, Any]) -> Any:
    settings = dict(given.get("settings", {}))
    if unknown := set(settings) - set(AskSettings.__annotations__):
        raise TypeError(f"{task.methods[0]}() got an unexpected argument {min(unknown)!r}")
    instruction = instruction_of(task, given, settings.pop("seed", 0))
    return client.submit(instruction, task.gives, **settings)


def _wait(client: Any, task: Task, given: Mapping[str, Any]) -> Any:
    return client.wait_for(lambda: _send(client, task, given))


class AgentMethods(TaskMethods):
    """Each method gives the part of the answer that matters; with `_async`, a PendingAnswer of it.

    All raise AgentError where there is no answer, and take `AskSettings` as keywords.
    """

    _kinds = MappingProxyType(
        {
            "": MethodKind(_wait, last=_last),
            "_async": MethodKind(_send, last=_last, gives="PendingAnswer[{}]"),
        }
    )
