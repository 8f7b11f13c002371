"""Several answerers with the same model as one. No torch."""

from __future__ import annotations

import threading
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from uio2_ros.history.memory import PixelMemory
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import Answerer, InferenceRequest, OnReleased
from uio2_ros.serving.status import ModelState, ModelStatus

STRAY = 2
"""Instructions more than another member has, beyond which a robot is answered by that one."""
LOOK_S = 0.05
"""How often members are looked at while somebody waits for any."""


class ModelPool(Answerer):
    """Answers by the member that a robot's name stands for, which has the robot's history, unless
    that is not READY or has more to do than another.

    It is READY while any member is. What a member had when it ended is not asked of another.
    """

    def __init__(self, members: Sequence[Answerer]) -> None:
        """`members` share their memory. ValueError without any."""
        if not members:
            raise ValueError("a pool needs at least one member")
        self.members = tuple(members)
        self.memory: PixelMemory = self.members[0].memory
        self._lock = threading.Lock()  # guards what follows
        self._under_way = [0] * len(self.members)

    def status(self) -> ModelStatus:
        """That of the first that is READY, else of the first; with all restarts and counts."""
        each = [member.status() for member in self.members]
        first = next((one for one in each if one.state is ModelState.READY), each[0])
        counts = sum((Counter(one.counts) for one in each), Counter[str]())
        restarts = sum(one.restarts for one in each)
        return replace(first, counts=dict(counts), restarts=restarts)

    def wait_ready(self, timeout_s: float) -> ModelStatus:
        """See `Answerer`: until all have settled, so that none is still loading."""
        end = time.monotonic() + timeout_s
        for member in self.members:
            member.wait_ready(max(0.0, end - time.monotonic()))
        return self.status()

    def take(self, request: InferenceRequest) -> Future[Answer]:
        """See `Answerer`."""
        with self._lock:
            number = self._member_of(request.robot)
            self._under_way[number] += 1
        pending = self.members[number].take(request)
        pending.add_done_callback(lambda _: self._ended(number))
        return pending

    def offer_frame(
        self, frame: Frame, *, robot: str = "", on_released: OnReleased | None = None
    ) -> bool:
        """See `Answerer`."""
        with self._lock:
            number = self._member_of(robot)
        return self.members[number].offer_frame(frame, robot=robot, on_released=on_released)

    def offer_segment(self, segment: SoundSegment, *, robot: str = "") -> bool:
        """See `Answerer`."""
        with self._lock:
            number = self._member_of(robot)
        return self.members[number].offer_segment(segment, robot=robot)

    def close(self) -> None:
        """See `Answerer`."""
        closing = [threading.Thread(target=member.close) for member in self.members]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    def _member_of(self, robot: str) -> int:
        """Whose turn a robot's instruction is; the lock is held."""
        able = [n for n, one in enumerate(self.members) if one.status().state is ModelState.READY]
        numbers = able or list(range(len(self.members)))
        usual = zlib.crc32(robot.encode()) % len(self.members)
        least = min(numbers, key=lambda n: (self._under_way[n], n != usual))
        strays = usual not in numbers or self._under_way[usual] >= self._under_way[least] + STRAY
        return least if strays else usual

    def _ended(self, number: int) -> None:
        with self._lock:
            self._under_way[number] -= 1
