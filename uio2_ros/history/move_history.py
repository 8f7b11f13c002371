"""Where the robot was and what it was told to do there, for navigation prompts. numpy only."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass

from uio2_ros.decoding import PointCodec
from uio2_ros.decoding.vocabulary import Vocabulary
from uio2_ros.robot.errors import InvalidInputError
from uio2_ros.robot.time import to_s

Position = tuple[float, float, float]
"""Metres in the odometry frame (REP 103: x forward, y left, z up)."""

MOVES_KEPT = 16
"""Moves that are remembered, unless somebody chooses otherwise."""
LOCATION_BINS = 1000
FIRST_LOCATION = 200
"""`<extra_id_200>` is location 0 (model.md section 1)."""


@dataclass(frozen=True)
class _Bins:
    """A vocabulary of nothing but locations, numbered by their bins."""

    location_ids: range = range(LOCATION_BINS)


class MoveHistory:
    """The last moves as `observation ( x z y ) action` texts (model.md section 9). Any thread.

    Positions are location tokens of +-50 m; those further away are at the edge.
    """

    def __init__(self, count: int) -> None:
        """`count` moves are remembered, older ones forgotten."""
        if count < 1:
            raise ValueError(f"a history of {count} moves was asked for; give 1 or more")
        self._lock = threading.Lock()  # guards what follows
        self._position: tuple[int, Position] | None = None  # with its stamp, nanoseconds
        self._texts: deque[str] = deque(maxlen=count)

    def arrive(self, stamp_ns: int, position: Position) -> None:
        """The robot is here. InvalidInputError for numbers that are not finite."""
        if not all(math.isfinite(number) for number in position):
            raise InvalidInputError(f"the position {position} has numbers that are not finite")
        with self._lock:
            self._position = (stamp_ns, position)

    def position(self, now_ns: int, max_age_s: float) -> Position | None:
        """Where the robot is; None if it has not told for longer than `max_age_s`, or told so at
        a time that is as far ahead (a clock set back)."""
        with self._lock:
            if self._position is None or abs(to_s(now_ns - self._position[0])) > max_age_s:
                return None
            return self._position[1]

    def add(self, position: Position, action: str) -> None:
        """A move was told at a position."""
        text = move_text(position, action)
        with self._lock:
            self._texts.append(text)

    def texts(self) -> tuple[str, ...]:
        """The moves, oldest first."""
        with self._lock:
            return tuple(self._texts)

    def clear(self) -> None:
        """Forgets the moves and the position."""
        with self._lock:
            self._position = None
            self._texts.clear()


def move_text(position: Position, action: str) -> str:
    """`observation ( x z y ) action`, the position as three location tokens."""
    vocabulary: Vocabulary = _Bins()  # type: ignore[assignment]  # all that the codec looks at
    tokens = PointCodec().encode(vocabulary, [position], clip=True)[0]
    places = (FIRST_LOCATION + LOCATION_BINS - 1 - int(token) for token in tokens)
    written = " ".join(f"<extra_id_{place}>" for place in places)
    return f"observation ( {written} ) {action}"
