"""An instruction under way, and its calls on their way through the engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from uio2_ros.model.example import Example
from uio2_ros.robot.answer import Answer, Stage, Timings
from uio2_ros.robot.errors import InstructionError
from uio2_ros.tasks.model_calls import Asking, ModelCall
from uio2_ros.tasks.session import Session
from uio2_ros.tasks.task import Task

OnProgress = Callable[[Stage, str, int], None]


class Interrupted(Exception):
    """What an `on_progress` raised: nobody waits for its instruction any more."""

    def __init__(self, running: RunningTask, cause: Exception) -> None:
        super().__init__(str(cause))
        self.running, self.cause = running, cause


class RunningTask:
    """One instruction under way: its task's generator, and what became of it.

    In the end either `answer` or `error` is there; `interrupted` says that the error is what its
    listener raised. `timings` are the wall-clock seconds of the engine calls it took part in.
    """

    def __init__(self, task: Task, session: Session, on_progress: OnProgress) -> None:
        self.task, self.session, self.on_progress = task, session, on_progress
        self.calls: tuple[ModelCall, ...] = ()
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self.interrupted = False
        self.timings = Timings()
        asking: object = task.answer(session)
        if not isinstance(asking, Generator):
            given = type(asking).__name__
            raise TypeError(
                f"the answer of task {task.name!r} is no generator but gives a {given}; ask the "
                "model by 'yield from session.generate(...)' and return the Answer"
            )
        self._asking: Asking[Answer] = asking

    @property
    def waiting(self) -> bool:
        """Whether the task still asks the model."""
        return self.answer is None and self.error is None

    def start(self) -> None:
        """Run the task up to its first calls."""
        self._advance(lambda: next(self._asking))

    def resume(self, calls: Sequence[PendingCall]) -> None:
        """Give the task the replies to its calls, or raise the first error of them in it."""
        errors = [call.error for call in calls if call.error is not None]
        if errors:
            self._advance(lambda: self._asking.throw(errors[0]))
        else:
            replies = tuple(call.reply for call in calls)
            self._advance(lambda: self._asking.send(replies))

    def report(self, stage: Stage, text: str = "", tokens: int = 0) -> None:
        """Tell how far the instruction is; tokens of the call under way. Raises Interrupted."""
        try:
            self.on_progress(stage, text, self.timings.tokens + tokens)
        except Exception as cause:
            raise Interrupted(self, cause) from cause

    def interrupt(self, cause: Exception) -> None:
        """End it with what its listener raised."""
        self.answer, self.error, self.interrupted = None, cause, True

    def add(self, **spent: float) -> None:
        """Add to the timings."""
        total = {name: getattr(self.timings, name) + value for name, value in spent.items()}
        self.timings = replace(self.timings, **total)

    def _advance(self, step: Callable[[], tuple[ModelCall, ...]]) -> None:
        started = perf_counter()
        try:
            self.calls = step()
        except StopIteration as end:
            self.answer = self._checked(end.value)
        except Exception as error:  # whatever it is, other instructions of the batch go on
            self.error = error
        self.add(postprocess=perf_counter() - started)
        if self.answer is not None:
            self.report(Stage.FINISHING, self.answer.text)

    def _checked(self, answer: object) -> Answer:
        if not isinstance(answer, Answer):
            given = type(answer).__name__
            raise TypeError(f"task {self.task.name!r} returned a {given}; expected an Answer")
        return answer


@dataclass(eq=False)
class PendingCall:
    """One call of a task on its way through the engine; in the end a reply or an error is there."""

    running: RunningTask
    call: ModelCall
    example: Example | None = None
    reply: Any = None
    error: InstructionError | None = None
    begun: float = 0.0  # when its text was begun (perf_counter)

    @property
    def settled(self) -> bool:
        """Whether the reply or the error is there."""
        return self.reply is not None or self.error is not None
