"""The server where another program listens, as an ASGI application. asyncio; no torch, no Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Close, CloseCode

from uio2_ros.remote.metrics import PlainReply
from uio2_ros.remote.server import ModelServer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_UNREAD = 2
"""Frames of a client that wait until they are read; it is not heard beyond."""
NO_WEBSOCKET = PlainReply(HTTPStatus.UPGRADE_REQUIRED, "this is a WebSocket\n")
REFUSED = 1008
"""With which a WebSocket is closed before it is one; clients see HTTP 403."""


class AsgiServer:
    """A `ModelServer` for a program such as uvicorn; `model` begins and ends with it."""

    def __init__(self, server: ModelServer, start: Callable[[], None]) -> None:
        """`start` is called on the loop before anything is served."""
        self._server, self._start = server, start

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        page = self._server.judge(scope["path"], _authorization(scope))
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send, page)
        else:
            await _respond(
                send, page or PlainReply(HTTPStatus.UPGRADE_REQUIRED, "this is a WebSocket\n")
            )

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._server.answerer.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _converse(
        self, scope: Message, receive: Receive, send: Send, refusal: PlainReply | None
    ) -> None:
        await receive()  # websocket.connect
        if refusal is not None:
            await send({"type": "websocket.close", "code": REFUSED, "reason": refusal.text.strip()})
            return
        await send({"type": "websocket.accept"})
        connection = AsgiConnection(scope, receive, send)
        try:
            await self._server.attend(connection)
        finally:
            await connection.close(CloseCode.NORMAL_CLOSURE, "")


class AsgiConnection:
    """A WebSocket of a program such as uvicorn, as `session.Connection`."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.remote_address = tuple(scope["client"]) if scope.get("client") else None
        self._receive, self._send = receive, send
        self._closed = asyncio.Event()
        self._frames: asyncio.Queue[str | bytes | None] = asyncio.Queue(MOST_UNREAD)
        self._reading = asyncio.create_task(self._read())

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def send(self, frame: str | bytes) -> None:
        """ConnectionClosed when the client is gone."""
        if self._closed.is_set():
            raise _closed()
        kind = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", kind: frame})

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Ends the connection; one that has ended stays so."""
        self._reading.cancel()
        if not self._closed.is_set():
            self._closed.set()
            with suppress(OSError, RuntimeError):  # the client may have gone this moment
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})

    async def wait_closed(self) -> None:
        """Until it has ended, whichever side ended it."""
        await self._closed.wait()

    async def _read(self) -> None:
        """Reads on while a frame is answered, so that the client's going is noticed."""
        while (message := await self._receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            await self._frames.put(message["text"] if data is None else data)
        self._closed.set()
        await self._frames.put(None)


def _closed() -> ConnectionClosedOK:
    return ConnectionClosedOK(Close(CloseCode.NORMAL_CLOSURE, ""), None)


def _authorization(scope: Message) -> str:
    values = (value for name, value in scope["headers"] if name.lower() == b"authorization")
    return ", ".join(value.decode("latin-1") for value in values)


async def _respond(send: Send, page: PlainReply) -> None:
    headers = [(b"content-type", page.content_type.encode())]
    await send({"type": "http.response.start", "status": int(page.status), "headers": headers})
    await send({"type": "http.response.body", "body": page.text.encode()})
