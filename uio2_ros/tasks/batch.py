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
from uio2_ros.tasks.calls import PictureCall, ScoreCall, TextCall
from uio2_ros.tasks.engine_calls import generate, score
from uio2_ros.tasks.examples import make_example
from uio2_ros.tasks.job import Job, Order

if TYPE_CHECKING:
    from uio2_ros.inference import Engine


def run_together(engine: Engine, jobs: Sequence[Job], max_batch: int) -> None:
    """Carry out jobs until each has an answer or an error.

    In every round the calls of all jobs that wait are merged into as few engine batches of at most
    max_batch rows as modality and sampling allow. What a task raises is its job's error; so are
    broken input and a lack of memory. What else the engine raises ends the work and is raised here.
    """
    for job in jobs:
        job.start()
    while waiting := [job for job in jobs if job.waiting]:
        orders = [Order(job, call) for job in waiting for call in job.calls]
        _carry_out(engine, orders, max_batch)
        for job in waiting:
            job.resume([order for order in orders if order.job is job])


def _carry_out(engine: Engine, orders: Sequence[Order], max_batch: int) -> None:
    for order in orders:
        with _blaming([order]):
            _prepare(engine, order)
    ready = sorted((order for order in orders if order.error is None), key=_manner)
    for _, alike in groupby(ready, key=_manner):
        group = list(alike)
        for start in range(0, len(group), max_batch):
            _run(engine, group[start : start + max_batch])


def _manner(order: Order) -> tuple[str, ...]:
    """What calls must have in common to share an engine batch."""
    call = order.call
    if isinstance(call, PictureCall):
        return ("image", call.drawing.value)
    if isinstance(call, TextCall):
        return ("text", "drawn" if order.job.session.instruction.seed else "greedy")
    return (type(call).__name__,)


def _prepare(engine: Engine, order: Order) -> None:
    job = order.job
    job.report(Stage.PREPROCESSING)
    started = perf_counter()
    order.example = make_example(engine, job.task, job.session.observation, order.call)
    job.add(preprocess=perf_counter() - started)


def _run(engine: Engine, orders: Sequence[Order]) -> None:
    """Carry out calls in one engine batch; in halves where memory does not suffice for all."""
    for job in _jobs(orders):
        job.report(Stage.ENCODING)
    with _blaming(orders):
        if isinstance(orders[0].call, ScoreCall):
            for order in orders:
                score(engine, order)
        else:
            generate(engine, orders)
    if len(orders) > 1 and all(_lacked_memory(order) for order in orders):
        for order in orders:
            order.error = None
        middle = len(orders) // 2
        _run(engine, orders[:middle])
        _run(engine, orders[middle:])


def _lacked_memory(order: Order) -> bool:
    return order.error is not None and order.error.code is ErrorCode.OUT_OF_MEMORY


@contextmanager
def _blaming(orders: Sequence[Order]) -> Iterator[None]:
    """Turn what goes wrong because of these orders into their errors."""
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
    for order in orders:
        order.error = error


def _jobs(orders: Sequence[Order]) -> list[Job]:
    return list(dict.fromkeys(order.job for order in orders))
