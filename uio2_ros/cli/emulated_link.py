"""A slow and unreliable link between two programs of this machine, for benchmarks and tests."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from dataclasses import dataclass

SEGMENT_BYTES = 1460
"""What a TCP segment carries in an Ethernet frame."""
IN_FLIGHT = 64
"""Segments of a direction that are under way at most; the sender waits then."""
RESENT_DELAYS = 3
"""After which a lost segment comes: what follows it and its repetition cross, too."""
PATIENCE_S = 10.0


@dataclass(frozen=True)
class LinkQuality:
    """One way of a link: `delay_s`, bits a second (inf: any number), and the share of segments that
    are lost. A lost one comes when a sender would have sent it again, 3 delays later, and those
    behind it wait for it, as TCP's receivers do."""

    delay_s: float = 0.0
    bits_per_s: float = float("inf")
    loss: float = 0.0


class EmulatedLink:
    """A proxy to a port of this machine, on a thread of its own; `port` is its own.

    It delays what it is given. Packets are not lost, nor are their headers or acknowledgements
    counted: both programs' kernels see a perfect link to the proxy. Any thread may call any method.
    """

    def __init__(self, port: int, quality: LinkQuality | None = None, seed: int = 0) -> None:
        self.port = 0
        self._target, self._quality = port, quality or LinkQuality()
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="emulated link", daemon=True)

    def swallow(self) -> None:
        """From now on nothing comes out, and nobody is told."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def go_on(self) -> None:
        """From now on all comes out, what was swallowed first."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def cut(self) -> None:
        """Ends the connections that there are; new ones are made."""
        self._loop.call_soon_threadsafe(self._cancel_all)

    def __enter__(self) -> EmulatedLink:
        listening = threading.Event()
        self._loop.call_soon(self._passing.set)
        self._serving = self._loop.create_task(self._serve(listening))
        self._thread.start()
        if not listening.wait(PATIENCE_S):
            raise RuntimeError("the link does not come to be")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(PATIENCE_S)

    # ---- the thread ----

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._loop.close()

    async def _serve(self, listening: threading.Event) -> None:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0, limit=SEGMENT_BYTES)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            listening.set()
            try:
                await asyncio.Event().wait()
            finally:
                self._cancel_all()
                await asyncio.gather(*self._connections, return_exceptions=True)

    def _cancel_all(self) -> None:
        for task in self._connections:
            task.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "the server makes one of each connection"
        self._connections.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                there = await asyncio.open_connection(
                    "127.0.0.1", self._target, limit=SEGMENT_BYTES
                )
                await self._forward(reader, writer, *there)
        finally:
            writer.close()
            self._connections.discard(task)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other_reader: asyncio.StreamReader,
        other_writer: asyncio.StreamWriter,
    ) -> None:
        """Until either end closes."""
        ways = [
            asyncio.ensure_future(self._one_way(*way))
            for way in ((reader, other_writer), (other_reader, writer))
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            other_writer.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        segments: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        giving = asyncio.create_task(self._give(segments, writer))
        try:
            await self._take(reader, segments)
            await segments.join()
        finally:
            giving.cancel()

    async def _take(
        self, reader: asyncio.StreamReader, segments: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        """Says of each segment when it arrives."""
        free_at = arrives = 0.0
        while data := await reader.read(SEGMENT_BYTES):
            free_at = max(free_at, self._loop.time()) + 8 * len(data) / self._quality.bits_per_s
            lost = self._chance.random() < self._quality.loss
            late_s = self._quality.delay_s * (1 + RESENT_DELAYS * lost)
            arrives = max(arrives, free_at + late_s)
            await segments.put((arrives, data))

    async def _give(
        self, segments: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            arrives, data = await segments.get()
            await asyncio.sleep(max(0.0, arrives - self._loop.time()))
            await self._passing.wait()
            writer.write(data)
            await writer.drain()
            segments.task_done()
