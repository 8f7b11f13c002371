"""Work that nobody waits for, put off until no request is being prepared. No ROS.

A drawing holds the interpreter for milliseconds at a time. Begun when its answer is sent, it meets
the next request of a caller that asks again at once; while the model works it disturbs nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from uio2_ros.serving.job import call

PAUSE_S = 0.05
"""Who has just been answered may ask again within this time."""
MOST_WAIT_S = 1.0
"""Work that waited for so long is done next to whatever is prepared, so that a stream of requests
does not keep it back for ever."""


@dataclass(frozen=True)
class _Work:
    do: Callable[[], None]
    then: Callable[[], None]


class IdleWork:
    """Does the newest work it was given, on a thread of its own. Any thread may call.

    Work waits while somebody is `undisturbed`, and otherwise for `PAUSE_S` or until the next who
    was undisturbed is done, whichever comes first; but never longer than `MOST_WAIT_S`.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards what follows
        self._undisturbed = 0
        self._not_before = 0.0  # time.monotonic()
        self._overdue = 0.0  # the same; of the work that waits and those whose place it took
        self._next: _Work | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="idle work", daemon=True)
        self._thread.start()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """No work begins inside, unless it has waited for too long."""
        with self._changed:
            self._undisturbed += 1
        try:
            yield
        finally:
            with self._changed:
                self._undisturbed -= 1
                self._not_before = 0.0
                self._changed.notify()

    def give(self, do: Callable[[], None], then: Callable[[], None]) -> None:
        """Takes the place of work that still waits. `then` is called once in any case: after `do`,
        or as soon as it is clear that it is not done."""
        with self._changed:
            dropped = _Work(do, then) if self._closed else self._next
            if not self._closed:
                now_s = time.monotonic()
                if self._next is None:
                    self._overdue = now_s + MOST_WAIT_S
                self._next = _Work(do, then)
                self._not_before = now_s + PAUSE_S
                self._changed.notify()
        if dropped is not None:
            call(dropped.then)

    def close(self) -> None:
        """Drops what waits, and returns when the thread has ended."""
        with self._changed:
            self._closed = True
            dropped, self._next = self._next, None
            self._changed.notify()
        if dropped is not None:
            call(dropped.then)
        self._thread.join()

    def _work(self) -> None:
        while (work := self._await()) is not None:
            call(work.do)
            call(work.then)
            del work  # or it would keep its pictures until there is other work

    def _await(self) -> _Work | None:
        """The work to do now; None when it is over."""
        with self._changed:
            while not self._closed:
                if self._next is None:
                    self._changed.wait()
                    continue
                begin_s = self._overdue if self._undisturbed else self._not_before
                left_s = min(begin_s, self._overdue) - time.monotonic()
                if left_s > 0:
                    self._changed.wait(left_s)
                    continue
                work, self._next = self._next, None
                return work
        return None
