"""`./uio2 serve` as a process that benchmarks start, kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from uio2_ros.remote.client import RemoteModel
from uio2_ros.remote.settings import RemoteSettings
from uio2_ros.serving import ModelState

START_S = 180.0


class ServerProcess:
    """A server on a port of this machine, in a process group of its own."""

    def __init__(self, model: str, *options: str, host: str = "127.0.0.1") -> None:
        with socket.create_server((host, 0)) as free:
            self.port = free.getsockname()[1]
        self._host = host
        self._command = [sys.executable, "-m", "uio2_ros.cli", "serve", "--model", model]
        self._command += ["--listen", f"{host}:{self.port}", *options]
        self.start()

    def start(self) -> None:
        """Begins to load; `client` waits until it answers."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "UIO2_LAUNCHER_PID": str(os.getpid())},
        )

    @property
    def uri(self) -> str:
        """Where it listens."""
        return f"ws://{self._host}:{self.port}"

    def client(self, robot: str, port: int = 0, **settings: object) -> RemoteModel:
        """One that is ready, over another `port` where one is given that leads to the server.
        RuntimeError if the server does not come to be."""
        uri = f"ws://{self._host}:{port}" if port else self.uri
        client = RemoteModel(uri, RemoteSettings(robot=robot, **settings))  # type: ignore[arg-type]
        client.start()
        status = client.wait_ready(START_S)
        if status.state is not ModelState.READY:
            client.close()
            raise RuntimeError(f"the server is {status.state.value}: {status.reason}")
        return client

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    def wait(self, timeout_s: float) -> int:
        """Its exit code, once it has ended; subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """Ends it at once, as a crash does; its model ends with it."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)  # nothing, if it has ended
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
