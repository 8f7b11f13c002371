"""What is said to a server over one connection: its extension, or openpi's protocol alone.

Both are used on one event loop: `ask`, `cancel` and `offer` give frames to send, `take` is given
those that come.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from uio2_ros.remote import numpy_messages
from uio2_ros.remote.observations import FrameSender
from uio2_ros.remote.policy import answer_of, observation_of
from uio2_ros.remote.protocol import (
    CLIENT_CODEC,
    EXTENSION,
    SERVER_CODEC,
    VERSION,
    Ask,
    Greeting,
    KeepFrame,
    ModelNow,
    ToServer,
    Welcome,
)
from uio2_ros.remote.settings import RemoteSettings
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import InstructionError, InvalidInputError
from uio2_ros.robot.observation import Frame
from uio2_ros.serving.codec import ProtocolError
from uio2_ros.serving.faults import fault_of
from uio2_ros.serving.job import Job
from uio2_ros.serving.protocol import Answered, Cancel, Reported
from uio2_ros.serving.status import ModelDescription, ModelState

Send = Callable[[bytes], None]
OnAnswer = Callable[[int, Answer], None]
OnModel = Callable[[ModelState, str, ModelDescription], None]


class Conversation(Protocol):
    """One connection's worth of talking; jobs have numbers from 1 on."""

    def ask(self, number: int, job: Job) -> None:
        """Sends an instruction. InstructionError or InvalidInputError if it cannot be."""

    def cancel(self, number: int) -> None:
        """Says that nobody waits for it any more."""

    def offer(self, frame: Frame) -> None:
        """Sends a picture of the history in advance, where that is of use."""

    def take(self, data: str | bytes) -> None:
        """Hears a frame. ProtocolError for one that is not understood."""


class ExtendedConversation:
    """With a server of this package: all tasks, progress, cancellation, pictures once."""

    def __init__(
        self,
        settings: RemoteSettings,
        robot: str,
        jobs: Mapping[int, Job],
        send: Send,
        on_answer: OnAnswer,
        on_model: OnModel,
    ) -> None:
        """`jobs` are those under way, by their numbers."""
        self._settings, self._jobs, self._send_bytes = settings, jobs, send
        self._on_answer, self._on_model = on_answer, on_model
        self._welcome: Welcome | None = None
        self._sender: FrameSender | None = None
        self._send(Greeting(robot))

    def ask(self, number: int, job: Job) -> None:
        """See `Conversation`."""
        assert self._sender is not None, "the model is ready after the welcome only"
        with self._sender.sending():
            observation = self._sender.observation(job.observation)
            left_s = job.deadline - time.monotonic()
            reports = job.on_progress is not None
            self._send(Ask(number, job.instruction, observation, left_s, reports))

    def cancel(self, number: int) -> None:
        """See `Conversation`."""
        self._send(Cancel(number))

    def offer(self, frame: Frame) -> None:
        """See `Conversation`."""
        if self._sender is not None:
            with self._sender.sending():
                self._send(KeepFrame(self._sender.frame(frame)))

    def take(self, data: str | bytes) -> None:
        """See `Conversation`."""
        message = SERVER_CODEC.unpack(_binary(data))
        if isinstance(message, Answered):
            self._on_answer(message.number, message.answer)
        elif isinstance(message, Reported) and message.number in self._jobs:
            self._jobs[message.number].progress(message.progress)
        elif isinstance(message, ModelNow):
            self._on_model(message.state, message.reason, message.model)
        elif isinstance(message, Welcome):
            self._welcome = message
            self._sender = FrameSender(
                self._settings.pictures,
                self._settings.quality,
                message.shelf_bytes,
                message.picture_pixels,
            )

    def _send(self, message: ToServer) -> None:
        data = CLIENT_CODEC.pack(message)
        if self._welcome is not None and len(data) > self._welcome.message_bytes:
            raise InvalidInputError(
                f"the instruction has {len(data)} bytes; the server takes "
                f"{self._welcome.message_bytes}: send fewer or smaller pictures, or as JPEG"
            )
        self._send_bytes(data)


class PolicyConversation:
    """With a server of openpi's protocol: continuous actions, one request at a time."""

    def __init__(
        self,
        settings: RemoteSettings,
        spaces: Mapping[str, ActionSpace],
        jobs: Mapping[int, Job],
        send: Send,
        on_answer: OnAnswer,
        name: str,
    ) -> None:
        """`name` is the model's; openpi's servers tell none."""
        self._settings, self._spaces, self._jobs = settings, spaces, jobs
        self._send, self._on_answer, self._name = send, on_answer, name
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._asked: int | None = None

    def ask(self, number: int, job: Job) -> None:
        """See `Conversation`."""
        asked = observation_of(job.instruction, job.observation, self._settings.policy)
        self._waiting.append((number, numpy_messages.pack(asked)))
        self._go_on()

    def cancel(self, number: int) -> None:
        """See `Conversation`. What the server has already is answered to nobody."""
        self._waiting = deque(one for one in self._waiting if one[0] != number)

    def offer(self, frame: Frame) -> None:
        """See `Conversation`. Policies keep no history."""

    def take(self, data: str | bytes) -> None:
        """See `Conversation`."""
        number, self._asked = self._asked, None
        if number is None:
            raise ProtocolError("an answer came that nobody asked for")
        job = self._jobs.get(number)
        if job is not None:
            self._on_answer(number, self._answer(data, job))
        self._go_on()

    def _answer(self, data: str | bytes, job: Job) -> Answer:
        if isinstance(data, str):
            last = data.strip().splitlines()[-1:] or ["it does not say why"]
            return fault_of(RuntimeError(f"the server: {last[0]}")).answer(job.instruction.task)
        try:
            result = numpy_messages.unpack(data)
            return answer_of(result, job.instruction, self._spaces, self._name)
        except InstructionError as problem:
            return fault_of(problem).answer(job.instruction.task)

    def _go_on(self) -> None:
        if self._asked is None and self._waiting:
            self._asked, data = self._waiting.popleft()
            self._send(data)


def extension_of(metadata: Mapping[Any, Any]) -> bool:
    """Whether a server knows the extension. ProtocolError if it is of another version."""
    told = metadata.get(EXTENSION)
    if told is None:
        return False
    version = told.get("version") if isinstance(told, Mapping) else None
    if version != VERSION:
        raise ProtocolError(
            f"the server speaks version {version!r} of the extension, this is {VERSION}; use the "
            "same release of uio2_ros on both machines"
        )
    return True


def policy_name(metadata: Mapping[Any, Any], uri: str) -> str:
    """What to call the model of an openpi server."""
    told = metadata.get("model")
    return told if isinstance(told, str) and told else f"policy at {uri}"


def _binary(data: str | bytes) -> bytes:
    if isinstance(data, str):
        raise ProtocolError(f"the server said: {data[:200]}")
    return data
