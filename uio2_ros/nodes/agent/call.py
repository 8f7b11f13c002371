"""A request on its way to its result, and what becomes of the goal that brought it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rclpy.action.server import ServerGoalHandle

from uio2_ros.action import InstructAbout
from uio2_ros.memory.depth_history import WantedDepth
from uio2_ros.msg import InstructionResult
from uio2_ros.nodes.agent.surroundings import Sighting
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.serving import OnProgress

OnAnswer: TypeAlias = Callable[[Answer, int], Answer]


@dataclass(eq=False)
class CallUnderWay:
    """A request on its way to its result."""

    request: Any
    """The service's request or the action's goal."""
    on_progress: OnProgress | None = None
    on_answer: OnAnswer | None = None
    """Of a standing instruction: what it makes of an answer about the picture of a stamp."""
    hushed: frozenset[int] = frozenset()
    """Error codes that are not told on topics."""
    arrived: float = field(default_factory=time.monotonic)
    result: Future[InstructionResult] = field(default_factory=Future)
    afterwards: Callable[[], None] | None = None
    """What is left to do once the caller has the result; set before the result is."""
    depth: WantedDepth | None = None
    """What belongs to the picture asked about."""
    sighting: Sighting | None = None
    """Where what was found is, once it was found."""
    canceled_because: str = ""
    """Why the agent cancelled it; "" if it did not."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pending: Future[Answer] | None = None
    _canceled: bool = False

    def cancel(self, because: str = "") -> None:
        """Asks for an end, now or once the model has the instruction. Any thread."""
        with self._lock:
            self._canceled = True
            self.canceled_because = self.canceled_because or because
            pending = self._pending
        if pending is not None:
            pending.cancel()

    @property
    def brings_picture(self) -> bool:
        """Whether it is about a picture of its own, not about what the camera sees."""
        return isinstance(self.request, InstructAbout.Goal)

    def is_with_model(self, pending: Future[Answer]) -> None:
        """The model has it."""
        with self._lock:
            self._pending = pending
            canceled = self._canceled
        if canceled:
            pending.cancel()

    def timed(self, answer: Answer) -> Answer:
        """The answer with the time until now; what the model did not take is postprocessing."""
        total_s = time.monotonic() - self.arrived
        timings = answer.timings
        before_s = timings.total or total_s
        return answer.timed(total=total_s, postprocess=timings.postprocess + total_s - before_s)


def conclude(goal: ServerGoalHandle, error_code: int) -> None:
    """Succeeded, canceled on request, or aborted."""
    if error_code == ErrorCode.NONE:
        goal.succeed()
    elif error_code == ErrorCode.CANCELED and goal.is_cancel_requested:
        goal.canceled()
    else:
        goal.abort()
