"""Holds the time of a simulator to the system clock. Standard library only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from uio2_ros.robot.time import to_ns, to_s

MOST_OFF_NS = 200_000_000
"""What the simulator may be behind and still make up for; more is given up."""
WINDOW_NS = to_ns(3)
"""Of the clock, over which the real time factor is taken."""


class Pace:
    """When a moment of the simulator is due, and which stamp it has. One thread.

    rate is seconds of the simulator per second of the clock; 0: as fast as it goes. Stamps count
    the simulator's time from the clock's at the start on; where they follow the clock, they leave
    time out whenever the simulator cannot keep up.
    """

    def __init__(
        self, rate: float, *, follows_clock: bool, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._rate = rate
        self._follows_clock = follows_clock
        self._clock = clock
        self._origin_ns = clock()  # of the stamps
        self._anchor = (clock(), 0)  # a time of the clock and of the simulator that belong together
        self._passed: deque[tuple[int, int]] = deque([self._anchor])
        self.skipped_ns = 0
        """What the simulator was behind and did not make up for."""

    def stamp_ns(self, scene_ns: int) -> int:
        """The time of the simulator as a stamp."""
        return self._origin_ns + scene_ns

    def lead_s(self, scene_ns: int) -> float:
        """Seconds until the time of the simulator is due; 0 or less if it is."""
        if self._rate == 0:
            return 0.0
        now_ns = self._clock()
        lead_ns = self._due_ns(scene_ns) - now_ns
        if not -MOST_OFF_NS <= lead_ns <= MOST_OFF_NS + to_ns(1 / self._rate):
            self._skip(now_ns, scene_ns, lead_ns)
            return 0.0
        return to_s(lead_ns)

    def pause(self, scene_ns: int) -> None:
        """The simulator stood still until now, as was intended."""
        now_ns = self._clock()
        self._anchor = (now_ns, scene_ns)
        self._passed = deque([self._anchor])
        self._set_stamps()

    def tick(self, scene_ns: int) -> None:
        """Call now and then, for `real_time_factor`."""
        now_ns = self._clock()
        self._passed.append((now_ns, scene_ns))
        while len(self._passed) > 2 and now_ns - self._passed[0][0] > WINDOW_NS:
            self._passed.popleft()

    @property
    def real_time_factor(self) -> float:
        """Seconds of the simulator per second of the clock, of late; 0 before two ticks."""
        (began_ns, scene_began_ns), (ended_ns, scene_ended_ns) = self._passed[0], self._passed[-1]
        passed_ns = ended_ns - began_ns
        return (scene_ended_ns - scene_began_ns) / passed_ns if passed_ns > 0 else 0.0

    def _due_ns(self, scene_ns: int) -> int:
        anchor_ns, scene_anchor_ns = self._anchor
        return anchor_ns + round((scene_ns - scene_anchor_ns) / self._rate)

    def _skip(self, now_ns: int, scene_ns: int, lead_ns: int) -> None:
        """Too far off, because drawing is slow or the clock was set: go on from now."""
        self._anchor = (now_ns, scene_ns)
        self.skipped_ns += max(-lead_ns, 0)
        self._set_stamps()

    def _set_stamps(self) -> None:
        """Stamps are never set back."""
        now_ns, scene_ns = self._anchor
        if self._follows_clock:
            self._origin_ns = max(now_ns - scene_ns, self._origin_ns)
