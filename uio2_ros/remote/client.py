"""An answerer whose model is on another machine. asyncio on a thread of its own; no torch."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import platform
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from uio2_ros.history.memory import HeapMemory
from uio2_ros.processes.access import read_token
from uio2_ros.remote import numpy_messages
from uio2_ros.remote.access import TOKEN_VARIABLE, client_tls, expect_sealed
from uio2_ros.remote.conversation import (
    Conversation,
    ExtendedConversation,
    PolicyConversation,
    extension_of,
    policy_name,
)
from uio2_ros.remote.settings import RemoteSettings
from uio2_ros.robot.action_space import ActionSpace
from uio2_ros.robot.answer import Answer
from uio2_ros.robot.errors import ErrorCode, InstructionError, InvalidInputError
from uio2_ros.robot.observation import Frame, SoundSegment
from uio2_ros.serving.answerer import OnReleased
from uio2_ros.serving.codec import ProtocolError
from uio2_ros.serving.faults import Fault, fault_of
from uio2_ros.serving.job import Job, call
from uio2_ros.serving.protocol import MOST_BYTES
from uio2_ros.serving.scheduler import Scheduler
from uio2_ros.serving.status import ModelDescription, ModelState, ModelStatus
from uio2_ros.serving.status_board import OnStatus, StatusBoard
from uio2_ros.serving.supervisor import Backoff
from uio2_ros.serving.workload import OUTCOMES

OPEN_S = 5.0
"""How long connecting may take."""
HEARTBEAT_S = 0.25
"""How often something is sent, so that a link that is gone is noticed."""
UNACKNOWLEDGED_MS = 800
"""How long the other machine may acknowledge nothing of what was sent: then the link is gone. A
lost packet is sent again within a quarter of this."""
STALLED_S = 5.0
"""How long a server whose machine is there may leave a heartbeat unanswered: it is stopped, or what
carries the connection to it swallows all."""
CLOSE_S = 5.0
HOPELESS = (401, 403, 404)
"""What a server answers that will not answer otherwise."""
PROBLEMS = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,  # another one before Python 3.11
    ConnectionClosed,
    InvalidHandshake,
    ProtocolError,
)
"""After which it connects again."""

logger = logging.getLogger(__name__)


class RemoteModel(Scheduler):
    """A model behind `ws://` or `wss://`: one connection, made again when it ends.

    While it is READY instructions are sent at once. When the connection ends those under way become
    MODEL_NOT_READY, and nothing is asked twice. All state is the thread's; other threads leave it
    work.
    """

    def __init__(
        self,
        uri: str,
        settings: RemoteSettings | None = None,
        *,
        spaces: Mapping[str, ActionSpace] | None = None,
        on_status: OnStatus | None = None,
    ) -> None:
        """`spaces` give openpi servers' actions their meaning. AccessError for an address, a token
        or a certificate that cannot be used."""
        self.memory = HeapMemory()
        self._uri, self._settings = uri, settings or RemoteSettings()
        self._spaces = spaces or {}
        token = read_token(self._settings.token_file, TOKEN_VARIABLE)
        expect_sealed(uri, token)
        self._tls = client_tls(uri, self._settings.authority)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._board = StatusBoard(on_status)
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._conversation: Conversation | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._was_ready = False
        self._ending = threading.Lock()  # guards what follows
        self._ended = False
        self._loop = asyncio.new_event_loop()
        self._keeping: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="remote model", daemon=True)

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._board.write_state(ModelState.LOADING, f"connecting to {self._uri}")
        self._thread.start()

    def status(self) -> ModelStatus:
        """See `Answerer`."""
        with self._counting:
            return replace(self._board.read(), counts=dict(self._counts))

    def close(self) -> None:
        """See `Answerer`."""
        self._later(self._stop)
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)
        self._board.write_state(ModelState.STOPPED)

    def _later(self, work: Callable[..., None], *arguments: object) -> bool:
        """Leaves work to the thread; False if it has ended."""
        with self._ending:
            if not self._ended:
                self._loop.call_soon_threadsafe(work, *arguments)
            return not self._ended

    def _put(self, job: Job) -> None:
        status = self._board.read()
        if status.state is not ModelState.READY or not self._later(self._ask, job):
            reason = status.reason or status.state.value
            message = f"the model is not ready: {reason}; ask again when it is"
            self._refuse(job, Fault(ErrorCode.MODEL_NOT_READY, message))

    def _put_frame(self, frame: Frame | SoundSegment, on_released: OnReleased | None) -> bool:
        if isinstance(frame, SoundSegment):
            return False
        ready = self._board.read().state is ModelState.READY
        if not ready or self._jobs or not self._outgoing.empty():
            self._count("frames_dropped")
            return False
        return self._later(self._offer, frame, on_released)

    def _on_cancel(self, job: Job) -> None:
        self._finish(job, job.verdict())
        self._later(self._withdraw, job)

    def _refuse(self, job: Job, fault: Fault) -> None:
        self._finish(job, fault.answer(job.instruction.task))
        job.release()

    def _finish(self, job: Job, answer: Answer) -> None:
        if job.finish(answer):
            self._count(OUTCOMES.get(answer.error_code, "failed"))

    def _count(self, name: str, amount: int = 1) -> None:
        with self._counting:
            self._counts[name] += amount

    # ---- the thread ----

    def _run(self) -> None:
        try:
            self._keeping = self._loop.create_task(self._keep_connected())
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._keeping)
        except Exception as error:  # a bug of ours must not leave anybody waiting
            logger.exception("the connection to the model failed")
            self._board.write_state(ModelState.FAILED, f"its connection failed: {error!r}")
        finally:
            self._fail_all(Fault(ErrorCode.CANCELED, "the model was stopped"))
            with self._ending:
                self._ended = True
            self._loop.run_until_complete(asyncio.sleep(0))  # what was left to do until now
            self._loop.close()

    def _stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()

    async def _keep_connected(self) -> None:
        backoff = Backoff(self._settings.backoff_s, self._settings.max_backoff_s)
        while True:
            try:
                await self._connect(backoff)
                reason = "the server ended the connection"
            except PROBLEMS as error:
                reason = _explained(error)
                if not self._was_ready and _is_hopeless(error):
                    self._board.write_state(ModelState.FAILED, f"{self._uri}: {reason}")
                    return
            self._disconnected(f"the link to {self._uri} is down: {reason}")
            await asyncio.sleep(backoff.next_s())

    async def _connect(self, backoff: Backoff) -> None:
        """One connection, from its beginning to its end."""
        async with connect(
            self._uri,
            ssl=self._tls,
            additional_headers=self._headers,
            compression=None,
            max_size=MOST_BYTES,
            open_timeout=OPEN_S,
            close_timeout=0.5,
            ping_interval=HEARTBEAT_S,
            ping_timeout=STALLED_S,
            proxy=None,
        ) as connection:
            _notice_loss(connection)
            metadata = numpy_messages.unpack(await _first_frame(connection))
            self._outgoing = asyncio.Queue()
            writing = asyncio.create_task(self._write(connection))
            try:
                self._conversation = self._converse(metadata)
                backoff.reset()
                async for data in connection:
                    self._count("bytes_received", len(data))
                    self._conversation.take(data)
            finally:
                self._conversation = None
                writing.cancel()

    def _converse(self, metadata: Mapping[Any, Any]) -> Conversation:
        if extension_of(metadata):
            robot = self._settings.robot or platform.node()
            return ExtendedConversation(
                self._settings, robot, self._jobs, self._send, self._answered, self._model_is
            )
        name = policy_name(metadata, self._uri)
        self._model_is(ModelState.READY, "", ModelDescription(name))
        return PolicyConversation(
            self._settings, self._spaces, self._jobs, self._send, self._answered, name
        )

    def _model_is(self, state: ModelState, reason: str, model: ModelDescription) -> None:
        if state is ModelState.READY:
            self._was_ready = True
        elif self._was_ready and state is ModelState.LOADING:
            state, reason = ModelState.RESTARTING, reason or "it is being loaded"
        elif state is ModelState.STOPPED:
            state, reason = ModelState.RESTARTING, "the server is ending"
        self._board.write(replace(self._board.read(), state=state, reason=reason, model=model))

    def _disconnected(self, reason: str) -> None:
        status = self._board.read()
        state = ModelState.RESTARTING if self._was_ready else ModelState.LOADING
        if status.state is ModelState.READY:
            self._count("link_losses")
            status = replace(status, restarts=status.restarts + 1)
        self._board.write(replace(status, state=state, reason=reason))
        self._fail_all(Fault(ErrorCode.MODEL_NOT_READY, reason))

    def _fail_all(self, fault: Fault) -> None:
        jobs = tuple(self._jobs.values())
        self._jobs.clear()
        for job in jobs:
            self._refuse(job, fault)

    def _send(self, data: bytes) -> None:
        self._count("bytes_sent", len(data))
        self._outgoing.put_nowait(data)

    async def _write(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):  # the reader notices, too
            while True:
                await connection.send(await self._outgoing.get())

    def _ask(self, job: Job) -> None:
        """Sends an instruction; its observation is needed no longer then."""
        if job.is_over():
            self._refuse(job, Fault(*_verdict_of(job)))
        elif self._conversation is None:
            reason = self._board.read().reason
            self._refuse(job, Fault(ErrorCode.MODEL_NOT_READY, reason or "the link is down"))
        elif len(self._jobs) >= self._settings.queue_size:
            message = f"{len(self._jobs)} instructions are under way already; ask again later"
            self._refuse(job, Fault(ErrorCode.BUSY, message))
        else:
            self._begin(next(self._numbers), job, self._conversation)

    def _begin(self, number: int, job: Job, conversation: Conversation) -> None:
        self._jobs[number] = job
        job.sent = time.monotonic()
        try:
            conversation.ask(number, job)
        except (InstructionError, InvalidInputError) as error:
            del self._jobs[number]
            self._refuse(job, fault_of(error))
        except ProtocolError as error:
            del self._jobs[number]
            self._refuse(job, Fault(ErrorCode.INVALID_REQUEST, str(error)))
        else:
            job.release()
            if math.isfinite(job.deadline):
                self._loop.call_later(
                    max(0.0, job.deadline - time.monotonic()), self._expire, number
                )

    def _expire(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is not None:
            self._finish(job, job.verdict())
            self._withdraw(job)

    def _withdraw(self, job: Job) -> None:
        """Tells the server that nobody waits any more."""
        number = next((number for number, one in self._jobs.items() if one is job), None)
        if number is not None:
            del self._jobs[number]
            if self._conversation is not None:
                self._conversation.cancel(number)

    def _answered(self, number: int, answer: Answer) -> None:
        job = self._jobs.pop(number, None)
        if job is not None:
            # its turn came when the server's queue was over, too
            job.sent = min(time.monotonic(), (job.sent or job.since) + answer.timings.queue)
            self._finish(job, answer)

    def _offer(self, frame: Frame, on_released: OnReleased | None) -> None:
        try:
            if self._conversation is not None:
                self._conversation.offer(frame)
                self._count("frames_sent")
        except (InvalidInputError, ProtocolError) as error:
            self._count("frames_failed")
            logger.warning("a history frame cannot be sent: %s", error)
        finally:
            if on_released is not None:
                call(on_released)


def _verdict_of(job: Job) -> tuple[ErrorCode, str]:
    verdict = job.verdict()
    return verdict.error_code, verdict.error_msg


async def _first_frame(connection: ClientConnection) -> bytes:
    data = await asyncio.wait_for(connection.recv(), OPEN_S)
    if isinstance(data, str):
        raise ProtocolError(f"the server said {data[:100]!r}; expected metadata")
    return data


def _notice_loss(connection: ClientConnection) -> None:
    """Has the kernel end a connection whose other machine does not acknowledge what is sent."""
    sock = connection.transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


def _is_hopeless(error: Exception) -> bool:
    """Whether the next attempt would end the same way."""
    refused = isinstance(error, InvalidStatus) and error.response.status_code in HOPELESS
    return refused or isinstance(error, ssl.SSLCertVerificationError | ProtocolError)


def _explained(error: Exception) -> str:
    if isinstance(error, InvalidStatus) and error.response.status_code == 401:
        return "it refuses the token"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "it does not answer"
    return str(error) or type(error).__name__
