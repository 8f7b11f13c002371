"""What the agent was asked of late, by whomever, and what came of it. No rclpy."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from uio2_ros.messages.answers import AgentAnswer
from uio2_ros.robot.errors import ErrorCode, InstructionError

KEPT = 30


@dataclass(frozen=True)
class JournalEntry:
    """One instruction that was answered, or failed."""

    instruction: str
    answer: AgentAnswer
    heard_s: float = field(default_factory=time.time)
    is_standing: bool = False
    """Whether it is one of many answers to a standing instruction of this server."""

    def is_of_same_answer(self, other: JournalEntry) -> bool:
        """Whether both are about one and the same answer, from whatever side it came."""
        ours, theirs = self.answer, other.answer
        return (ours.stamp_ns, ours.timings, ours.text) == (
            theirs.stamp_ns,
            theirs.timings,
            theirs.text,
        ) and bool(ours.timings.total)

    def is_followed_by(self, later: JournalEntry) -> bool:
        """Whether both answer one standing instruction."""
        ours = self.instruction, self.answer.task
        theirs = later.instruction, later.answer.task
        return self.is_standing and later.is_standing and ours == theirs

    @property
    def outcome(self) -> str:
        """The answer's text, or what went wrong."""
        if self.answer.error_code:
            return f"{self.answer.error_code.name}: {self.answer.error_msg}"
        return self.answer.text


class Journal:
    """The last entries, the newest first. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._entries: deque[JournalEntry] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, entry: JournalEntry) -> None:
        """Takes an entry as the newest; once, also where it is heard of by its topic, too.

        Of a standing instruction only the newest stays, or nothing else would be found any more.
        """
        with self._lock:
            if any(entry.is_of_same_answer(known) for known in self._entries):
                return
            others = (known for known in self._entries if not known.is_followed_by(entry))
            self._entries = deque(others, maxlen=KEPT)
            self._entries.appendleft(entry)
            self._count += 1

    @property
    def count(self) -> int:
        """How many there ever were; tells whether something is new."""
        with self._lock:
            return self._count

    def entries(self) -> tuple[JournalEntry, ...]:
        """The newest first."""
        with self._lock:
            return tuple(self._entries)

    def newest_drawable(self) -> JournalEntry | None:
        """The newest that was answered about a picture."""
        return next(
            (one for one in self.entries() if not one.answer.error_code and one.answer.stamp_ns),
            None,
        )

    def newest_plan(self) -> JournalEntry:
        """The newest with a plan that can be carried out. InstructionError INVALID_REQUEST."""
        for entry in self.entries():
            if entry.answer.plan and entry.answer.plan.steps:
                return entry
        raise InstructionError(ErrorCode.INVALID_REQUEST, "no plan was answered yet; ask for one")
