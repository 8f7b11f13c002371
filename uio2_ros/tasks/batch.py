"""Several instructions on one engine: their tasks advance together, their calls are merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from uio2_ros.robot.answer import Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.tasks.engine_calls import generate, score
from uio2_ros.tasks.examples import make_example
from uio2_ros.tasks.model_calls import PictureCall, ScoreCall, TextCall
from uio2_ros.tasks.running_task import PendingCall, RunningTask

if TYPE_CHECKING:
    from uio2_ros.inference import Engine


def run_together(engine: Engine, tasks: Sequence[RunningTask], max_batch: int) -> None:
    """Carry out tasks until each has an answer or an error.

    In every round the calls of all tasks that wait are merged into as few engine batches of at most
    max_batch rows as modality and sampling allow. What a task raises is its own error; so are
    broken input and a lack of memory. What else the engine raises ends the work and is raised here.
    """
    for running in tasks:
        running.start()
    while waiting := [running for running in tasks if running.waiting]:
        calls = [PendingCall(running, call) for running in waiting for call in running.calls]
        _carry_out(engine, calls, max_batch)
        for running in waiting:
            running.resume([pending for pending in calls if pending.running is running])


def _carry_out(engine: Engine, calls: Sequence[PendingCall], max_batch: int) -> None:
    for pending in calls:
        with _blaming([pending]):
            _prepare(engine, pending)
    ready = sorted((pending for pending in calls if pending.error is None), key=_manner)
    for _, alike in groupby(ready, key=_manner):
        group = list(alike)
        for start in range(0, len(group), max_batch):
            _run(engine, group[start : start + max_batch])


def _manner(pending: PendingCall) -> tuple[str, ...]:
    """What calls must have in common to share an engine batch."""
    call = pending.call
    if isinstance(call, PictureCall):
        return ("image", call.drawing.value)
    if isinstance(call, TextCall):
        return ("text", "drawn" if pending.running.session.instruction.seed else "greedy")
    return (type(call).__name__,)


def _prepare(engine: Engine, pending: PendingCall) -> None:
    running = pending.running
    running.report(Stage.PREPROCESSING)
    started = perf_counter()
    pending.example = make_example(
        engine.processor,
        running.task,
        running.session.observation,
        pending.call,
        engine.holds_frame,
    )
    running.add(preprocess=perf_counter() - started)


def _run(engine: Engine, calls: Sequence[PendingCall]) -> None:
    """Carry out calls in one engine batch; in halves where memory does not suffice for all."""
    for running in _tasks(calls):
        running.report(Stage.ENCODING)
    with _blaming(calls):
        if isinstance(calls[0].call, ScoreCall):
            for pending in calls:
                score(engine, pending)
        else:
            generate(engine, calls)
    if len(calls) > 1 and all(_lacked_memory(pending) for pending in calls):
        for pending in calls:
            pending.error = None
        middle = len(calls) // 2
        _run(engine, calls[:middle])
        _run(engine, calls[middle:])


def _lacked_memory(pending: PendingCall) -> bool:
    return pending.error is not None and pending.error.code is ErrorCode.OUT_OF_MEMORY


@contextmanager
def _blaming(calls: Sequence[PendingCall]) -> Iterator[None]:
    """Turn what goes wrong because of these calls into their errors."""
    try:
        yield
    except InstructionError as problem:
        error = problem
    except InvalidInputError as problem:
        error = InstructionError(ErrorCode.INVALID_INPUT, str(problem))
        error.__cause__ = problem
    except torch.OutOfMemoryError as problem:
        error = InstructionError(
            ErrorCode.OUT_OF_MEMORY,
            f"the model ran out of memory ({problem}); use a smaller or quantised model, or free "
            "memory on the device",
        )
    else:
        return
    for pending in calls:
        pending.error = error


def _tasks(calls: Sequence[PendingCall]) -> list[RunningTask]:
    return list(dict.fromkeys(pending.running for pending in calls))
