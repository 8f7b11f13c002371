"""Classes with a method per task, made from the table of tasks when it is looked up.

So the tasks of other packages have methods, too. Type checkers and editors read the stubs beside
such classes instead (`runner_methods.pyi`), which know the tasks of this package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from inspect import Parameter, Signature
from types import MappingProxyType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from uio2_ros.robot.instruction import Instruction
from uio2_ros.tasks.registry import TASKS
from uio2_ros.tasks.task import Task

Call = Callable[[Any, Task, Mapping[str, Any]], Any]
"""What a method does: f(instance, task, its arguments by name, defaults included)."""


class _LooksUpTasks(type):
    """Finds methods on the class, as in `TaskRunner.localize`."""

    if not TYPE_CHECKING:  # who checks types goes by the stubs

        def __getattr__(cls, name: str) -> Any:
            return _found(cls, name)


class TaskMethods(metaclass=_LooksUpTasks):
    """Has a method of each of its kinds for every task."""

    _kinds: ClassVar[Mapping[str, MethodKind]] = MappingProxyType({})
    """By what follows the task's name."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return MethodType(_found(type(self), name), self)

    def __dir__(self) -> Iterator[str]:
        yield from super().__dir__()
        for suffix in self._kinds:
            yield from (name + suffix for task in TASKS.values() for name in task.methods)


def _found(cls: type[TaskMethods], name: str) -> Callable[..., Any]:
    """The method of a name; AttributeError if neither a task nor a kind of method is called so."""
    for suffix, kind in () if name.startswith("_") else cls._kinds.items():
        for task in TASKS.values():
            if name in (method + suffix for method in task.methods):
                return _method(kind, task, name)
    raise AttributeError(f"{cls.__name__!r} has no attribute {name!r}, nor is there such a task")


class MethodKind:
    """One method for each task: what it takes besides the task's own arguments, and does.

    first and last: parameters before and after the task's own. gives: the return annotation, made
    of that of the task's part of the answer.
    """

    def __init__(
        self,
        call: Call,
        first: Callable[[Task], Sequence[Parameter]] = lambda _task: (),
        last: Callable[[Task], Sequence[Parameter]] = lambda _task: (),
        gives: str = "{}",
    ) -> None:
        self.call, self._first, self._last, self._gives = call, first, last, gives

    def signature(self, task: Task) -> Signature:
        """With annotations as text, as in the files of this package."""
        own = [
            parameter(one.name, one.annotation, Parameter.empty if one.required else one.default)
            for one in task.arguments
        ]
        everything = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)]
        everything += [*self._first(task), *own, *self._last(task)]
        returned = inspect.get_annotations(task.gives)["return"]
        named = returned if isinstance(returned, str) else inspect.formatannotation(returned)
        return Signature(everything, return_annotation=self._gives.format(named))


def parameter(name: str, annotation: str, default: Any = Parameter.empty) -> Parameter:
    """One that can be given by position and by name."""
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def keyword(name: str, annotation: str, default: Any) -> Parameter:
    """One that is given by name."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def instruction_of(task: Task, given: Mapping[str, Any], seed: int = 0) -> Instruction:
    """The instruction that a method's arguments say. TypeError for what is of another type."""
    fields = {one.fills: one.value(given[one.name]) for one in task.arguments}
    return Instruction(**{"instruction": "", **fields}, task=task.name, seed=seed)


@lru_cache(None)
def _method(kind: MethodKind, task: Task, name: str) -> Callable[..., Any]:
    signature = kind.signature(task)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(self, *args, **kwargs)
        except TypeError as problem:
            raise TypeError(f"{name}() {problem}") from None
        given.apply_defaults()
        return kind.call(self, task, given.arguments)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = documentation(task)
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


def documentation(task: Task) -> str:
    """The docstring of a task's methods."""
    arguments = [f"{one.name}: {one.meaning}." for one in task.arguments]
    return "\n\n".join([task.description, *(["\n".join(arguments)] if arguments else [])])
