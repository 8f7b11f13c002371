"""One way to ask: the interface of everything that answers instructions. No torch, no ROS.

`InProcess` answers with a model in this process, `ModelProcess` with one in a supervised process
of its own. Nodes, evaluation, replay and tests speak this interface and do not care which it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from uio2_ros.history.memory import PixelMemory
from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Frame, Observation, SoundSegment
from uio2_ros.serving.status import ModelStatus

OnProgress: TypeAlias = Callable[[Progress], None]
OnReleased: TypeAlias = Callable[[], None]
A = TypeVar("A", bound="Answerer")


@dataclass(frozen=True)
class InferenceRequest:
    """What is submitted, see `Answerer.submit`. ValueError if `timeout_s` is not above 0."""

    instruction: Instruction
    observation: Observation
    timeout_s: float
    since: float = field(default_factory=time.monotonic)
    robot: str = ""
    on_progress: OnProgress | None = None
    on_released: OnReleased | None = None

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise ValueError(
                f"the timeout of an instruction is {self.timeout_s} s; give more than 0"
            )


class Answerer(Protocol):
    """Answers instructions about observations. Any thread may call any method.

    None of them waits for the model, except `wait_ready` and `close`, each for a bounded time.
    What is asked is bounded, too: by a queue (BUSY beyond it), by the timeout of each instruction
    (TIMEOUT), and by its observation, which must fit `memory` (OUT_OF_MEMORY). Callbacks run on a
    thread of the answerer, except those of what is refused, which run inside the call; they must
    be short and must not call `close`. What they raise is logged and harms no one.
    """

    memory: PixelMemory
    """Where pictures are best kept: what lies there reaches the model without a copy."""

    def status(self) -> ModelStatus:
        """Whether there are answers now or why not, which model gives them, and counts."""

    def wait_ready(self, timeout_s: float) -> ModelStatus:
        """Waits until the state is READY or FAILED, or the time is over; the status then."""

    def submit(
        self,
        instruction: Instruction,
        observation: Observation,
        *,
        timeout_s: float,
        since: float | None = None,
        robot: str = "",
        on_progress: OnProgress | None = None,
        on_released: OnReleased | None = None,
    ) -> Future[Answer]:
        """Asks for an answer within `timeout_s` seconds (inf: whenever), counted like the answer's
        timings from `since` (time.monotonic(); None: now). Where several robots ask, those of
        different names take turns.

        Never raises for what goes wrong with the instruction: the answer then is `Answer.failed`
        with MODEL_NOT_READY (not READY now), BUSY, TIMEOUT, CANCELED, OUT_OF_MEMORY,
        INFERENCE_FAILED, or a code of the task. ValueError if `timeout_s` is not above 0.

        The future ends in an `Answer` in any case: its `result` raises nothing but TimeoutError,
        when the caller's own patience is over. Any thread may call `cancel`: the answer becomes
        CANCELED without waiting for the model, which stops at its next token, batch of options or
        picture; what is asked next waits until then. Callbacks of `add_done_callback` run on the
        thread that brings the answer, or at once if it is there; they must be short.

        `on_progress` hears of every stage and token before the answer is there. `on_released` is
        called once, when nothing of the answerer reads the observation's arrays any more, which may
        be later than the answer: the moment to release a `FrameSnapshot`.
        """
        since = time.monotonic() if since is None else since
        return self.take(
            InferenceRequest(
                instruction, observation, timeout_s, since, robot, on_progress, on_released
            )
        )

    def take(self, request: InferenceRequest) -> Future[Answer]:
        """What `submit` does, with its arguments as a record."""

    def submit_together(
        self, questions: Sequence[tuple[Instruction, Observation]], *, timeout_s: float
    ) -> tuple[Future[Answer], ...]:
        """`submit` for several at once, which one that can do so answers in batches.

        The answers, in the order of the questions, depend on them alone and not on what else is
        asked meanwhile.
        """
        return tuple(self.submit(*question, timeout_s=timeout_s) for question in questions)

    def offer_frame(
        self, frame: Frame, *, robot: str = "", on_released: OnReleased | None = None
    ) -> bool:
        """Lets an idle model encode a picture of a robot's history in advance; False if it is not
        idle.

        `on_released` is called in either case. ValueError if the frame has no key to be found by.
        """

    def offer_segment(self, segment: SoundSegment, *, robot: str = "") -> bool:
        """Lets an idle model encode a segment of a robot's sound in advance; False if it is not
        idle. A model elsewhere takes none: its sound travels with the instruction."""

    def close(self) -> None:
        """Ends it and frees the memory; what is under way becomes CANCELED. Returns when the model
        has ended, after a bounded time."""

    def __enter__(self: A) -> A:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
