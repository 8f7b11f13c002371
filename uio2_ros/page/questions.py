"""Instructions that this server has asked, once or to be asked again and again: how far they are,
what came of them. No rclpy."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.errors import ErrorCode, InstructionError
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.standing_instruction import StandingInstruction

KEPT = 30
"""Instructions that are remembered when they are over."""
LOOK_PERIOD_S = 0.03
"""How often one is looked at by who follows it."""


class AskedQuestion:
    """One instruction. Written by the thread that answers arrive on, read by any."""

    def __init__(self, instruction: Instruction) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.instruction = instruction
        self.asked_s = time.time()
        self.progress: Progress | None = None
        self.answer: Any = None
        """The Answer; None before it, and if there is none."""
        self.error: InstructionError | None = None
        self.pending: Future[Any] | None = None

    @property
    def done(self) -> bool:
        """Whether it is over, with an answer or an error."""
        return self.answer is not None or self.error is not None

    def cancel(self) -> None:
        """Asks the agent to stop; the error then is CANCELED."""
        if self.pending is not None:
            self.pending.cancel()

    def on_progress(self, progress: Progress) -> None:
        """The newest feedback."""
        self.progress = progress

    def on_end(self, pending: Future[Any]) -> None:
        """What a future of the answer has come to."""
        if pending.cancelled():
            self.error = InstructionError(ErrorCode.CANCELED, "it was cancelled")
            return
        error = pending.exception()
        if error is None:
            self.answer = pending.result()
        elif isinstance(error, InstructionError):
            self.error = error
        else:
            self.error = InstructionError(
                ErrorCode.UNKNOWN, f"{type(error).__name__}: {error}; see the log of the page"
            )

    async def changes(self) -> AsyncIterator[Progress]:
        """Every progress that is still the newest when it is looked at, until it is over."""
        told: Progress | None = None
        while not self.done:
            if self.progress is not None and self.progress is not told:
                told = self.progress
                yield told
            await asyncio.sleep(LOOK_PERIOD_S)

    async def ended(self) -> Answer:
        """The answer, when it has come; raises the error instead of one."""
        async for _ in self.changes():
            pass
        if self.error is not None:
            raise self.error
        answer: Answer = self.answer
        return answer


class StandingQuestion(AskedQuestion):
    """One that is asked again and again. Its `answer` is the last of all."""

    def __init__(self, standing: StandingInstruction) -> None:
        super().__init__(standing.instruction)
        self.standing = standing
        self.answered: tuple[int, Any] = (0, None)
        """How many answers have come, and the newest Answer; None before any."""

    def on_answer(self, answer: Answer) -> None:
        """The newest answer."""
        self.answered = self.answered[0] + 1, answer

    async def answers(self) -> AsyncIterator[Answer]:
        """Every answer that is still the newest when it is looked at, until it is over."""
        told = 0
        is_over = False
        while not is_over:
            is_over = self.done  # before the answers are looked at, so that the last is not missed
            count, newest = self.answered
            if count != told:
                told = count
                yield newest
            await asyncio.sleep(LOOK_PERIOD_S)


Q = TypeVar("Q", bound=AskedQuestion)


class Questions(Generic[Q]):
    """No more than so many under way at once; the last of those that are over. Any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()  # guards the two below
        self._open: dict[str, Q] = {}
        self._over: deque[Q] = deque(maxlen=KEPT)

    def ask(self, question: Q, submit: Callable[[Q], Future[Any]]) -> Q:
        """Has `submit` send it, without waiting. InstructionError BUSY if too many are under way,
        or as `submit` raises."""
        with self._lock:
            if len(self._open) >= self._most:
                raise InstructionError(
                    ErrorCode.BUSY,
                    f"{len(self._open)} instructions are under way here; cancel one, or wait",
                )
            self._open[question.id] = question
        try:
            question.pending = submit(question)
        except BaseException:
            with self._lock:
                del self._open[question.id]
            raise
        question.pending.add_done_callback(lambda pending: self._end(question, pending))
        return question

    def under_way(self) -> tuple[Q, ...]:
        """Those that are not over, the oldest first."""
        with self._lock:
            return tuple(self._open.values())

    def over(self) -> tuple[Q, ...]:
        """The last of those that are over, the newest first."""
        with self._lock:
            return tuple(reversed(self._over))

    def named(self, identity: str) -> Q:
        """The question of an id; InstructionError INVALID_REQUEST if it is not remembered."""
        with self._lock:
            known: Iterable[Q] = (*self._open.values(), *self._over)
        for question in known:
            if question.id == identity:
                return question
        raise InstructionError(
            ErrorCode.INVALID_REQUEST,
            f"no instruction {identity[:40]!r} is remembered; of those that are over, the last "
            f"{KEPT} are",
        )

    def cancel_all(self) -> None:
        """Cancels all that are under way."""
        for question in self.under_way():
            question.cancel()

    def _end(self, question: Q, pending: Future[Any]) -> None:
        question.on_end(pending)
        with self._lock:
            self._open.pop(question.id, None)
            self._over.append(question)
