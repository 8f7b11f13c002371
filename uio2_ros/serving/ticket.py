"""The client's handle of one instruction. Imports numpy-only parts of the package."""

from __future__ import annotations

from uio2_ros.tasks.answer import Answer


class Ticket:
    """One submitted instruction. Every method may be called from any thread."""

    @property
    def number(self) -> int:
        """Counts the instructions of a `ModelProcess` from 1."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Asks for an end: the answer becomes CANCELED at once, unless there is one already.

        The model stops at its next token; until then the next instruction waits.
        """
        raise NotImplementedError

    def done(self) -> bool:
        """Whether the answer is there."""
        raise NotImplementedError

    def result(self, timeout_s: float | None = None) -> Answer:
        """Waits for the answer, a failed one included; TimeoutError if it takes longer."""
        raise NotImplementedError
