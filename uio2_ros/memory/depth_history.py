"""The last depth pictures, and those that belong to pictures asked about."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

from uio2_ros.robot.time import to_s

Metres = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DepthPicture:
    """One depth picture, not decoded yet. decode gives (H, W) metres along the optical axis, 0 or
    not finite where unknown; InvalidInputError for what is no depth."""

    stamp_ns: int
    frame_id: str
    decode: Callable[[], Metres]


class WantedDepth:
    """The depth nearest in time to a picture, also that which comes later, until it is taken or
    nobody holds this any more."""

    def __init__(self, history: DepthHistory, stamp_ns: int) -> None:
        self._history = history
        self.stamp_ns = stamp_ns
        self.nearest: DepthPicture | None = None

    @property
    def offset_s(self) -> float:
        """From the picture to the nearest depth, seconds; infinite without any."""
        return float("inf") if self.nearest is None else to_s(self.nearest.stamp_ns - self.stamp_ns)

    def take(self) -> DepthPicture | None:
        """The nearest so far; nothing that comes later is looked at."""
        self._history.give_up(self)
        return self.nearest

    def hear(self, picture: DepthPicture) -> None:
        """A depth picture that may be nearer."""
        away_ns = abs(picture.stamp_ns - self.stamp_ns)
        if self.nearest is None or away_ns < abs(self.nearest.stamp_ns - self.stamp_ns):
            self.nearest = picture


class DepthHistory:
    """Depth arrives a little before or after the picture that it belongs to, and an answer long
    after both; so what a picture needs is kept as soon as the picture is asked about. Any thread.
    """

    def __init__(self, kept: int) -> None:
        self._lock = threading.Lock()  # guards the two below
        self._newest: deque[DepthPicture] = deque(maxlen=kept)
        self._wanted: WeakSet[WantedDepth] = WeakSet()
        self.heard = 0

    def hear(self, picture: DepthPicture) -> None:
        """The newest depth picture."""
        with self._lock:
            self.heard += 1
            self._newest.append(picture)
            for wanted in self._wanted:
                wanted.hear(picture)

    def want(self, stamp_ns: int) -> WantedDepth:
        """Keeps what is nearest to a picture, from now until it is taken."""
        wanted = WantedDepth(self, stamp_ns)
        with self._lock:
            for picture in self._newest:
                wanted.hear(picture)
            self._wanted.add(wanted)
        return wanted

    def give_up(self, wanted: WantedDepth) -> None:
        """Nothing more is looked for."""
        with self._lock:
            self._wanted.discard(wanted)

    def newest_stamp_ns(self) -> int | None:
        """None before the first."""
        with self._lock:
            return self._newest[-1].stamp_ns if self._newest else None

    def clear(self) -> None:
        """Forgets the pictures, as after a clock that jumped back."""
        with self._lock:
            self._newest.clear()
