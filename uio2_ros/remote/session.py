"""One client of the server, from its connection to its end. asyncio; no torch."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from websockets.exceptions import ConnectionClosed

from uio2_ros.remote import numpy_messages
from uio2_ros.remote.observations import FrameReceiver
from uio2_ros.remote.policy import MS, question_of, result_of
from uio2_ros.remote.protocol import (
    CLIENT_CODEC,
    MOST_NAME,
    SERVER_CODEC,
    Ask,
    FromServer,
    Greeting,
    KeepFrame,
    ModelNow,
    Welcome,
    is_of_extension,
)
from uio2_ros.robot.answer import Answer, Progress
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.observation import Observation
from uio2_ros.serving.codec import ProtocolError
from uio2_ros.serving.protocol import Answered, Cancel, Reported

if TYPE_CHECKING:
    from uio2_ros.remote.server import ModelServer

LONGEST_S = 86400.0
"""Of an instruction; none is asked for days."""
OPENPI_TIMEOUT_S = 60.0
"""Of an openpi client's request, which says nothing of time."""
NOT_UNDERSTOOD, TOO_MUCH = 1003, 1008
"""Codes with which a WebSocket is closed (RFC 6455, 7.4.1)."""

MOST_UNREAD = 256
"""Frames that a client may leave unread before its connection ends."""

Frame: TypeAlias = str | bytes
logger = logging.getLogger(__name__)
_NUMBERS = itertools.count(1)


class Connection(Protocol):
    """A WebSocket. Sending to one that has ended raises websockets' ConnectionClosed."""

    @property
    def remote_address(self) -> Any:
        """The address and port of the other side, or nothing that is known."""

    def __aiter__(self) -> AsyncIterator[Frame]: ...
    async def send(self, message: Frame, /) -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...
    async def wait_closed(self) -> None: ...


class Unacceptable(Exception):
    """Something came after which the connection ends; other clients do not notice."""


class ClientSession:
    """Reads what a client sends, asks the model, and writes the answers, on the server's loop.

    A client that does not read is not waited for: of an instruction's progress it gets the newest.
    What it asked is cancelled when it is gone.
    """

    def __init__(self, connection: Connection, server: ModelServer) -> None:
        self._connection, self._server = connection, server
        self._robot = f"connection {next(_NUMBERS)}"
        self._greeted = False
        self._receiver = FrameReceiver(server.limits)
        self._open: dict[int, Future[Answer]] = {}
        self._progress: dict[int, Progress] = {}
        self._outgoing: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._previous_s: float | None = None

    async def run(self) -> None:
        """Until the connection ends, for whatever reason."""
        writing = asyncio.create_task(self._write())
        self._outgoing.put_nowait(numpy_messages.pack(self._server.metadata()))
        try:
            async for data in self._connection:
                await self._take(data)
        except Unacceptable as problem:
            logger.debug("%s sent what is not understood: %s", self._robot, problem)
            await self._connection.close(NOT_UNDERSTOOD, str(problem)[:100])
        except ConnectionClosed:
            pass
        finally:
            writing.cancel()
            for pending in tuple(self._open.values()):
                pending.cancel()

    def tell_model(self) -> None:
        """Sends how the model is, to a client that knows the extension."""
        if self._greeted:
            status = self._server.answerer.status()
            self._send(ModelNow(status.state, status.reason, status.model))

    async def _take(self, data: Frame) -> None:
        if self._outgoing.qsize() > MOST_UNREAD:
            raise Unacceptable("more; the answers to what came before were not read")
        if isinstance(data, str):
            raise Unacceptable("a text; expected binary frames")
        if not is_of_extension(data):
            await self._infer(data)
            return
        try:
            message = CLIENT_CODEC.unpack(data)
        except ProtocolError as problem:
            raise Unacceptable(str(problem)) from problem
        if isinstance(message, Greeting):
            self._greet(message)
        elif isinstance(message, Ask):
            await self._ask(message)
        elif isinstance(message, KeepFrame):
            await self._keep(message)
        elif isinstance(message, Cancel) and message.number in self._open:
            self._open[message.number].cancel()

    # ---- the extension ----

    def _greet(self, hello: Greeting) -> None:
        if len(hello.robot) > MOST_NAME or not hello.robot.isprintable():
            raise Unacceptable(f"a robot's name has at most {MOST_NAME} printable characters")
        limits = self._server.limits
        self._robot, self._greeted = hello.robot or self._robot, True
        self._send(
            Welcome(
                limits.message_bytes, limits.picture_pixels, limits.shelf_bytes, limits.requests
            )
        )
        self.tell_model()

    async def _ask(self, ask: Ask) -> None:
        if ask.number in self._open:
            raise Unacceptable(f"instruction {ask.number} is under way already")
        try:
            # several pictures take a while, in which the others are served
            observation = await asyncio.to_thread(self._receiver.observation, ask.observation)
        except InvalidInputError as error:
            problem = Answer.failed(ErrorCode.INVALID_INPUT, str(error), ask.instruction.task)
            self._answered(ask.number, problem)
            raise Unacceptable(str(error)) from error  # who has which picture is unknown now
        if not ask.timeout_s > 0:
            late = Answer.failed(ErrorCode.TIMEOUT, "it came too late", ask.instruction.task)
            self._answered(ask.number, late)
        elif len(self._open) >= self._server.limits.requests:
            self._answered(ask.number, self._busy(ask.instruction.task))
        else:
            self._submit(ask, observation)

    def _busy(self, task: str) -> Answer:
        most = self._server.limits.requests
        return Answer.failed(
            ErrorCode.BUSY, f"{most} instructions of this client are under way already", task
        )

    def _submit(self, ask: Ask, observation: Observation) -> None:
        loop, number = asyncio.get_running_loop(), ask.number

        def report(progress: Progress) -> None:
            loop.call_soon_threadsafe(self._reported, number, progress)

        pending = self._server.answerer.submit(
            ask.instruction,
            observation,
            timeout_s=min(ask.timeout_s, LONGEST_S),
            on_progress=report if ask.reports else None,
            robot=self._robot,
        )
        self._open[number] = pending
        self._server.metrics.begun()
        pending.add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._done, number, done.result(0))
        )

    def _done(self, number: int, answer: Answer) -> None:
        self._open.pop(number, None)
        self._server.metrics.ended(answer)
        self._answered(number, answer)

    def _answered(self, number: int, answer: Answer) -> None:
        self._progress.pop(number, None)
        try:
            self._send(Answered(number, answer))
        except ProtocolError as error:  # of a task that gives what an answer cannot hold
            failed = Answer.failed(ErrorCode.INFERENCE_FAILED, str(error), answer.task)
            self._send(Answered(number, failed))

    def _reported(self, number: int, progress: Progress) -> None:
        """Lets the newest progress be sent when what waits before it has been."""
        if number in self._open:
            if not self._progress:
                self._outgoing.put_nowait(None)
            self._progress[number] = progress

    async def _keep(self, offer: KeepFrame) -> None:
        try:
            frame = await asyncio.to_thread(self._receiver.frame, offer.frame)
        except InvalidInputError as problem:
            raise Unacceptable(str(problem)) from problem
        if frame.key is not None:
            self._server.answerer.offer_frame(frame, robot=self._robot)

    def _send(self, message: FromServer) -> None:
        self._outgoing.put_nowait(SERVER_CODEC.pack(message))

    async def _write(self) -> None:
        with suppress(ConnectionClosed):  # the reader notices, too
            while True:
                frame = await self._outgoing.get()
                if frame is not None:
                    await self._connection.send(frame)
                    continue
                progress, self._progress = self._progress, {}
                for number, one in progress.items():
                    await self._connection.send(SERVER_CODEC.pack(Reported(number, one)))

    # ---- openpi ----

    async def _infer(self, data: bytes) -> None:
        """Answers an observation; a text frame says what is wrong with it, as openpi's servers do.

        They close the connection then; ours stays, because others of its requests may be right.
        """
        started = time.monotonic()
        try:
            result = result_of(await self._act(data))
        except (InstructionError, ProtocolError) as problem:
            self._outgoing.put_nowait(str(problem))
            return
        timing = {"infer_ms": (time.monotonic() - started) * MS}
        if self._previous_s is not None:
            timing["prev_total_ms"] = self._previous_s * MS
        result["server_timing"] = timing
        self._outgoing.put_nowait(numpy_messages.pack(result))
        self._previous_s = time.monotonic() - started

    async def _act(self, data: bytes) -> Answer:
        observation = numpy_messages.unpack(data)
        policy, limits = self._server.policy, self._server.limits
        instruction, seen = question_of(
            observation, policy.task, policy.action_space, limits.picture_pixels
        )
        pending = self._server.answerer.submit(
            instruction, seen, timeout_s=OPENPI_TIMEOUT_S, robot=self._robot
        )
        self._open[0] = pending  # for the end of the connection; the extension's begin with 1
        self._server.metrics.begun()
        gone = asyncio.ensure_future(self._connection.wait_closed())
        answered = asyncio.wrap_future(pending)
        try:
            await asyncio.wait((answered, gone), return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                pending.cancel()
            answer = await answered
        finally:
            gone.cancel()
            self._open.pop(0, None)
        self._server.metrics.ended(answer)
        return answer
