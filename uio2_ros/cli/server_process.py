"""`./uio2 serve` as a process that benchmarks start, kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from types import TracebackType

from uio2_ros.remote.client import RemoteModel
from uio2_ros.remote.settings import RemoteSettings
from uio2_ros.serving import ModelState

START_S = 180.0


class ServerProcess:
    """A server on a port of this machine, in a process group of its own."""

    def __init__(self, model: str, *options: str, host: str = "127.0.0.1") -> None:
        with socket.create_server((host, 0)) as free:
            port = free.getsockname()[1]
        self.uri = f"ws://{host}:{port}"
        self._command = [sys.executable, "-m", "uio2_ros.cli", "serve", "--model", model]
        self._command += ["--listen", f"{host}:{port}", *options]
        self.start()

    def start(self) -> None:
        """Begins to load; `client` waits until it answers."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "UIO2_LAUNCHER_PID": str(os.getpid())},
        )

    def client(self, robot: str, **settings: object) -> RemoteModel:
        """One that is ready. RuntimeError if the server does not come to be."""
        client = RemoteModel(self.uri, RemoteSettings(robot=robot, **settings))  # type: ignore[arg-type]
        client.start()
        status = client.wait_ready(START_S)
        if status.state is not ModelState.READY:
            client.close()
            raise RuntimeError(f"the server is {status.state.value}: {status.reason}")
        return client

    def kill(self) -> None:
        """Ends it at once, as a crash does; its model ends with it."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
