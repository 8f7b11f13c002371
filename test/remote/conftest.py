"""A server in this process, on the fake runner of the tests of serving."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from patience import patient

sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))  # for `fake_runner`

from fake_runner import make

from uio2_ros.remote.access import Address, ServerAccess
from uio2_ros.remote.client import RemoteModel
from uio2_ros.remote.limits import ServerLimits
from uio2_ros.remote.server import ModelServer
from uio2_ros.remote.settings import RemoteSettings
from uio2_ros.serving import Answerer, InProcess, ModelSpec, ModelState

WAIT_S = patient(30.0)


class Serving:
    """A `ModelServer` on a thread; `stop` and `start` are a server that goes and comes again."""

    def __init__(
        self, answerer: Answerer, access: ServerAccess, limits: ServerLimits | None
    ) -> None:
        self.answerer, self.access, self.limits = answerer, access, limits
        self.port = access.address.port
        self._stop: Callable[[], None] = lambda: None
        self._thread = threading.Thread()
        self.start()

    @property
    def uri(self) -> str:
        return f"{'wss' if self.access.tls else 'ws'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        listening = threading.Event()

        async def serve() -> None:
            over = asyncio.Event()
            self._stop = partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)
            address = Address("127.0.0.1", self.port)
            access = ServerAccess(address, self.access.token, self.access.tls)
            self.server = ModelServer(self.answerer, access, self.limits)
            async with self.server.listening() as self.port:
                listening.set()
                await over.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        assert listening.wait(WAIT_S)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stop()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


@pytest.fixture
def make_server() -> Iterator[Callable[..., Serving]]:
    """Makes servers on the fake runner, or on another answerer."""
    made: list[Serving] = []

    def begin(
        answerer: Answerer | None = None,
        token: str = "",
        limits: ServerLimits | None = None,
        tls: object = None,
    ) -> Serving:
        if answerer is None:
            answerer = InProcess(partial(make, ModelSpec()))
            assert answerer.wait_ready(WAIT_S).state is ModelState.READY
        access = ServerAccess(Address("127.0.0.1", 0), token, tls)  # type: ignore[arg-type]
        made.append(Serving(answerer, access, limits))
        return made[-1]

    yield begin
    for serving in made:
        serving.stop()
        serving.answerer.close()


@pytest.fixture
def make_client() -> Iterator[Callable[..., RemoteModel]]:
    """Makes started clients; their settings are `RemoteSettings`."""
    made: list[RemoteModel] = []

    def begin(uri: str, **settings: object) -> RemoteModel:
        spaces = settings.pop("spaces", None)
        given = {"backoff_s": 0.02, "max_backoff_s": 0.1, **settings}
        client = RemoteModel(uri, RemoteSettings(**given), spaces=spaces)  # type: ignore[arg-type]
        made.append(client)
        client.start()
        return client

    yield begin
    for client in made:
        client.close()


@pytest.fixture
def server(make_server: Callable[..., Serving]) -> Serving:
    return make_server()


@pytest.fixture
def client(server: Serving, make_client: Callable[..., RemoteModel]) -> RemoteModel:
    """One that is ready."""
    client = make_client(server.uri)
    status = client.wait_ready(WAIT_S)
    assert status.state is ModelState.READY, status.reason
    return client
