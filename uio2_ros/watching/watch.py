"""One standing instruction under way: its pace, its end, its objects, and what came so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.standing_instruction import StandingInstruction, Until
from uio2_ros.tasks.task import Task, Use
from uio2_ros.watching.pace import AnswerPace
from uio2_ros.watching.stop_condition import StopCondition

FAILED_PAUSE_S = 1.0
"""After an answer that failed: no camera, a model that is being restarted."""
FINAL = frozenset({ErrorCode.INVALID_REQUEST, ErrorCode.UNKNOWN_TASK, ErrorCode.UNKNOWN})
"""Failures that asking again does not mend."""
MOST_INTERRUPTED = 3
"""Times in a row that an answer is given up for what is asked once, so that none waits for ever."""

Follow: TypeAlias = Callable[[Answer], Answer]
"""Gives the objects of the next answer their ids."""


class Watch:
    """Times are seconds of one clock. One thread at a time, but `reached_hz`, `problem` and the
    numbers that are counted, which any thread may read."""

    def __init__(
        self, standing: StandingInstruction, task: Task, now_s: float, follow: Follow
    ) -> None:
        """InstructionError INVALID_REQUEST for a condition that no answer of the task meets."""
        self.standing = standing
        self.end_s = now_s + standing.for_at_most_s
        self.answers = 0
        self.failures = 0
        self.interruptions = 0
        """Answers that were given up for what was asked once."""
        self._condition = StopCondition(standing, task)
        self._follow = follow
        self._pace = AnswerPace(standing.rate_hz, now_s)
        self._looks = task.image is not Use.NONE
        self._seen_ns: int | None = None
        self._interrupted = 0

    @property
    def due_s(self) -> float:
        """When the next question is due."""
        return self._pace.due_s

    @property
    def may_be_interrupted(self) -> bool:
        """Whether its answer can be given up for what is asked once."""
        return self._interrupted < MOST_INTERRUPTED

    def is_due(self, newest_ns: int | None, now_s: float) -> bool:
        """Whether to ask now, the newest picture being of `newest_ns`: the same one is not asked
        about twice."""
        return now_s >= self.due_s and not (self._looks and newest_ns == self._seen_ns is not None)

    def asked(self, now_s: float) -> None:
        """A question goes out."""
        self._pace.asked(now_s)

    def interrupted(self) -> None:
        """Its answer was given up for something else: it is due again."""
        self._pace.given_up()
        self._interrupted += 1
        self.interruptions += 1

    def failed(self, code: ErrorCode, now_s: float) -> bool:
        """An answer failed; whether that is the end."""
        self.failures += 1
        self._pace.postpone(now_s + FAILED_PAUSE_S)
        return code in FINAL

    def answered(self, answer: Answer, stamp_ns: int, now_s: float) -> tuple[Answer, bool]:
        """The answer about the picture of `stamp_ns` with its objects' ids, and whether it is the
        last."""
        self.answers += 1
        self._interrupted = 0
        self._seen_ns = stamp_ns
        self._pace.answered(now_s)
        return self._follow(answer), self._condition.is_met_by(answer)

    def reached_hz(self, now_s: float) -> float:
        """Answers per second, lately."""
        return self._pace.reached_hz(now_s)

    def problem(self, now_s: float) -> str:
        """Why it is not as was asked for; "" if it is."""
        if not self._pace.is_behind(now_s):
            return ""
        asked, reached = self.standing.rate_hz, self.reached_hz(now_s)
        return (
            f"{self.standing.instruction.instruction!r} is answered {reached:.1f} times per second "
            f"instead of {asked:g}: pictures come too seldom, or the model takes too long; ask "
            "less often, or use a faster device"
        )

    def expired(self) -> str:
        """What to say when the time is over before what was awaited."""
        standing = self.standing
        wanted = f" {standing.until_text!r}" if standing.until_text else ""
        until = "answered" if standing.until is Until.FOREVER else standing.until.name.lower()
        return (
            f"{standing.instruction.instruction!r} was not{wanted} {until} within "
            f"{standing.for_at_most_s:g} s, in {self.answers} answers and {self.failures} failures"
        )
