"""The client half of the inference process: starts, watches and restarts it, and talks to it. No torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.spec import ModelSpec
from uio2_ros.serving.status import ModelStatus
from uio2_ros.serving.ticket import Ticket
from uio2_ros.tasks.answer import Answer, Stage
from uio2_ros.tasks.instruction import Frame, Instruction, Observation

OnProgress = Callable[[Stage, str, int], None]
OnDone = Callable[[Answer], None]
OnReleased = Callable[[], None]
OnStatus = Callable[[ModelStatus], None]

DEFAULT_RUNNER = "uio2_ros.serving.runner:make_runner"


@dataclass(frozen=True)
class ServingSettings:
    """Bounds and patience of a `ModelProcess`; ValueError for values that make no sense."""

    queue_size: int = 4
    """Instructions that may wait for the running one; more are BUSY."""
    grace_s: float = 10.0
    """Time for the model to react to a cancellation or deadline before it is killed."""
    backoff_s: float = 0.5
    """Wait before the first restart; doubles with each until an instruction is answered."""
    max_backoff_s: float = 30.0
    max_load_crashes: int = 3
    """Deaths in a row while loading after which the state is FAILED."""
    stop_s: float = 1.0
    """Time to end by itself at `stop` before it is killed."""


class ModelProcess:
    """A model in a process of its own: supervised, one instruction at a time, cancellable.

    Every method may be called from any thread and none waits for the model, except `stop` (at most
    `stop_s`) and `wait_ready`. Callbacks run on the client's own thread: they must be short, must
    not call `stop`, and what they raise is logged. The process ends with this one, however it ends.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        settings: ServingSettings | None = None,
        arena: SharedArena | None = None,
        on_status: OnStatus | None = None,
        python: str = sys.executable,
        runner_factory: str = DEFAULT_RUNNER,
    ) -> None:
        """`arena` is shared with the histories (default: one of its own); `on_status` hears every
        change of state. `python` is the interpreter that has torch. `runner_factory` names a
        function "module:function" that takes the spec and returns a `LoadedRunner` in the child.
        """
        raise NotImplementedError

    @property
    def arena(self) -> SharedArena:
        """The shared memory; pictures kept in it cross without a copy."""
        raise NotImplementedError

    def start(self) -> None:
        """Begins loading, also again after `stop` or FAILED; returns at once."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ends the process and frees its memory. What was running or waiting becomes CANCELED."""
        raise NotImplementedError

    def status(self) -> ModelStatus:
        """The present state."""
        raise NotImplementedError

    def wait_ready(self, timeout_s: float) -> ModelStatus:
        """Waits until the state is READY or FAILED or the time is over; the state then."""
        raise NotImplementedError

    def submit(
        self,
        instruction: Instruction,
        observation: Observation,
        *,
        timeout_s: float,
        on_progress: OnProgress | None = None,
        on_done: OnDone | None = None,
        on_released: OnReleased | None = None,
    ) -> Ticket:
        """Asks for an answer within `timeout_s` seconds from now.

        Never raises for what goes wrong: the answer then is `Answer.failed` with MODEL_NOT_READY
        (not READY now), BUSY (the queue is full), TIMEOUT, CANCELED, OUT_OF_MEMORY,
        INFERENCE_FAILED, or a code of the task. ValueError if `timeout_s` is not positive.

        on_progress(stage, text so far, tokens) at every token; on_done(answer) once; on_released()
        once, when the model no longer reads the observation's arrays (after on_done if the model
        was slow to stop): the moment to release a `FrameSnapshot`.
        """
        raise NotImplementedError

    def offer_history_frame(self, frame: Frame, *, on_released: OnReleased | None = None) -> bool:
        """Lets an idle model encode a history frame in advance; False if it was not idle.

        `frame.key` must be set. on_released() comes once in either case, as for `submit`.
        """
        raise NotImplementedError
