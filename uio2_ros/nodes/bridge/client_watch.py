"""Whether who sent a goal is still there: the lease of `~/execute`, which plain clients keep too.

Every action client reads the feedback, and its DDS acknowledges what it reads, however busy the
client's own threads are. A client that was killed stops that at once, while the graph lists it for
as long as its lease was, 20 s with Fast DDS. So a goal's lease is renewed whenever all readers have
acknowledged all feedback: Fast DDS asks them for that every 3 s at the latest.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class ClientWatch:
    """One goal at a time. The spinning thread.

    Nobody can tell which reader sent the goal. So it is lost when any of those is that were there
    when it came: to stop for the wrong one is the safer fault.
    """

    def __init__(self, timeout_s: float, steady_s: Callable[[], float] = time.monotonic) -> None:
        """timeout_s: how long feedback may remain unacknowledged; 0: for ever."""
        self._timeout_s = timeout_s
        self._steady_s = steady_s
        self._readers = 0
        self._renewed_s: float | None = None

    def begin(self, readers: int, *, acknowledged: bool) -> None:
        """A goal comes."""
        self._readers = readers
        self._renewed_s = None
        self._renew(acknowledged)

    def lost(self, readers: int, *, acknowledged: bool) -> str:
        """Why the client counts as gone; empty while it is there. Call often.

        Somebody may have died before this goal came, and is listed still: until he is gone
        nothing can be told of the others, and only the graph counts.
        """
        if self._timeout_s <= 0:
            return ""
        if readers < self._readers:
            return "a client of ~/execute that was there when the goal came has gone"
        self._renew(acknowledged)
        if self._renewed_s is not None and self._steady_s() - self._renewed_s > self._timeout_s:
            return (
                f"a client of ~/execute has acknowledged no feedback for {self._timeout_s:g} s: it "
                "was killed or stopped, or its network fails"
            )
        return ""

    def _renew(self, acknowledged: bool) -> None:
        if acknowledged:
            self._renewed_s = self._steady_s()
