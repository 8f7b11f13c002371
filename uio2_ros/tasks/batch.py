"""Several instructions on one engine, which may come and go while it works.

Texts of all tasks are written together, a pass of the decoder at a time; what else the model is
asked (options, pictures, sounds) is done between two passes. Calls begin in the order in which they
were made, so none starves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from uio2_ros.robot.answer import Stage
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.tasks.engine_calls import begin_texts, finish_text, render, report_text, score
from uio2_ros.tasks.examples import make_example
from uio2_ros.tasks.model_calls import PictureCall, ScoreCall, TextCall
from uio2_ros.tasks.running_task import Interrupted, PendingCall, RunningTask

if TYPE_CHECKING:
    from uio2_ros.inference import Engine
    from uio2_ros.inference.texts import ConcurrentTexts, Writing


ADMITTED_BESIDE = 4
"""Texts that are begun together while others are written, which wait for the encoder meanwhile."""


class TaskBatch:
    """Tasks under way on one engine: `add` them at any time, `step` until each has ended.

    At most `max_batch` rows share a pass. What a task raises is its own error, and so is what its
    `on_progress` raises; broken input and a lack of memory are errors of the tasks they concern.
    What else the engine raises is raised by `step`, and ends everything here.
    """

    def __init__(self, engine: Engine, max_batch: int) -> None:
        self._engine, self._max_batch = engine, max_batch
        self._texts: ConcurrentTexts = engine.texts()
        self._writings: dict[Writing, PendingCall] = {}
        self._waiting: deque[PendingCall] = deque()
        self._open: dict[RunningTask, tuple[PendingCall, ...]] = {}
        self._ended: list[RunningTask] = []

    @property
    def busy(self) -> bool:
        """Whether a step has something to do or to tell."""
        return bool(self._open or self._ended)

    def add(self, running: RunningTask) -> None:
        """Begin a task."""
        self._go_on(running, running.start)

    def step(self) -> list[RunningTask]:
        """Begin what waits and write a token of every text; the tasks that ended."""
        if self._waiting and (room := self._max_batch - len(self._writings)) > 0:
            self._begin(room)
        if self._writings:
            self._write()
        ended, self._ended = self._ended, []
        return ended

    def _begin(self, room: int) -> None:
        """The oldest calls that wait: of texts a few if others are under way, else what fits."""
        if isinstance(self._waiting[0].call, TextCall):
            texts = takewhile(lambda pending: isinstance(pending.call, TextCall), self._waiting)
            most = min(room, ADMITTED_BESIDE) if self._writings else room
            self._prepare(list(islice(texts, most)), self._admit)
        else:
            manner = _manner(self._waiting[0])
            alike = (pending for pending in self._waiting if _manner(pending) == manner)
            self._prepare(list(islice(alike, self._max_batch)), self._carry_out)

    def _prepare(
        self, calls: Sequence[PendingCall], go_on: Callable[[Sequence[PendingCall]], None]
    ) -> None:
        """Make the examples of calls, and go on with those that have one."""
        for pending in calls:
            self._waiting.remove(pending)
        for pending in calls:
            with self._blaming([pending]):
                _make_example(self._engine, pending)
        self._in_memory([pending for pending in calls if self._is_open(pending)], go_on)
        self._settle(calls)

    def _in_memory(
        self, calls: Sequence[PendingCall], carry_out: Callable[[Sequence[PendingCall]], None]
    ) -> None:
        """Carry out calls as one batch; in halves where memory does not suffice for all."""
        calls = [pending for pending in calls if self._is_open(pending)]
        if not calls:
            return
        with self._blaming(calls):
            carry_out(calls)
        if len(calls) > 1 and all(_lacked_memory(pending) for pending in calls):
            for pending in calls:
                pending.error = None
            middle = len(calls) // 2
            self._in_memory(calls[:middle], carry_out)
            self._in_memory(calls[middle:], carry_out)
        elif not all(pending.settled or pending in self._writings.values() for pending in calls):
            self._in_memory(calls, carry_out)  # one of them was interrupted: the others again

    def _admit(self, calls: Sequence[PendingCall]) -> None:
        self._writings.update(begin_texts(self._engine, self._texts, calls))

    def _carry_out(self, calls: Sequence[PendingCall]) -> None:
        if isinstance(calls[0].call, ScoreCall):
            for pending in calls:
                with self._blaming([pending]):
                    score(self._engine, pending)
        else:
            render(self._engine, calls)

    def _write(self) -> None:
        under_way = dict(self._writings)
        calls = list(under_way.values())
        with self._blaming(calls):
            self._texts.step()
        for writing, pending in under_way.items():
            with self._blaming([pending]):
                if self._is_open(pending):
                    report_text(pending, writing)
                    finish_text(self._engine, pending, writing)
            if writing.done or not self._is_open(pending):
                self._texts.withdraw(writing)
                self._writings.pop(writing, None)
        self._settle(calls)

    # ---- from replies to the next calls ----

    def _is_open(self, pending: PendingCall) -> bool:
        """Whether its task goes on and waits for it."""
        return not pending.settled and pending.running in self._open

    def _settle(self, calls: Sequence[PendingCall]) -> None:
        """Go on with the tasks of calls that have all their replies."""
        for running in dict.fromkeys(pending.running for pending in calls):
            asked = self._open.get(running, ())
            if asked and all(pending.settled for pending in asked):
                self._go_on(running, lambda: running.resume(asked))  # noqa: B023  called at once

    def _go_on(self, running: RunningTask, advance: Callable[[], None]) -> None:
        try:
            advance()
            while running.waiting and not running.calls:  # it asks for one reply of each of none
                running.resume(())
        except Interrupted as interruption:
            self._interrupt(interruption)
        if running.waiting:
            self._open[running] = tuple(PendingCall(running, call) for call in running.calls)
            self._waiting.extend(self._open[running])
            return
        self._open.pop(running, None)
        self._ended.append(running)

    def _interrupt(self, interruption: Interrupted) -> None:
        """End a task that nobody waits for."""
        running = interruption.running
        running.interrupt(interruption.cause)
        for pending in self._open.pop(running, ()):
            if pending in self._waiting:
                self._waiting.remove(pending)
        for writing in [w for w, pending in self._writings.items() if pending.running is running]:
            self._texts.withdraw(writing)
            del self._writings[writing]

    @contextmanager
    def _blaming(self, calls: Sequence[PendingCall]) -> Iterator[None]:
        """Turn what goes wrong because of these calls into their errors."""
        try:
            yield
        except Interrupted as interruption:
            if interruption.running in self._open:
                self._interrupt(interruption)
                self._ended.append(interruption.running)
            return
        except InstructionError as problem:
            error = problem
        except InvalidInputError as problem:
            error = InstructionError(ErrorCode.INVALID_INPUT, str(problem))
            error.__cause__ = problem
        except torch.OutOfMemoryError as problem:
            error = InstructionError(
                ErrorCode.OUT_OF_MEMORY,
                f"the model ran out of memory ({problem}); use a smaller or quantised model, or "
                "free memory on the device",
            )
        else:
            return
        for pending in calls:
            pending.error = error


def _manner(pending: PendingCall) -> tuple[str, ...]:
    """What calls that are no texts must have in common to share an engine batch."""
    call = pending.call
    drawing = call.drawing.value if isinstance(call, PictureCall) else ""
    return (type(call).__name__, drawing)


def _make_example(engine: Engine, pending: PendingCall) -> None:
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
    running.report(Stage.ENCODING)


def _lacked_memory(pending: PendingCall) -> bool:
    return pending.error is not None and pending.error.code is ErrorCode.OUT_OF_MEMORY
