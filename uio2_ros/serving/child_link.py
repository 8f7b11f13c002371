"""One life of the inference process as the client sees it: starting, talking, ending. No torch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from uio2_ros.serving.arena import SharedArena
from uio2_ros.serving.codec import Codec
from uio2_ros.serving.faults import Fault, fault_of_exit, out_of_memory_kills
from uio2_ros.serving.protocol import (
    FROM_CHILD,
    PROTOCOL_VERSION,
    FromChild,
    ToChild,
    pack,
    receive,
)
from uio2_ros.serving.spec import ModelSpec

PACKAGE_ROOT = Path(__file__).absolute().parents[2]

_received = Codec(PROTOCOL_VERSION, FROM_CHILD)


class ChildLink:
    """A started process and the connection to it.

    One thread starts it, talks to it and stays alive as long as it: the kernel kills the process
    when that thread ends.
    """

    def __init__(self, spec: ModelSpec, arena: SharedArena, python: str) -> None:
        """Starts the process; OSError if there is no such interpreter."""
        self._arena = arena
        self._kills_before = out_of_memory_kills()
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [python, "-m", "uio2_ros.serving.child"]
                + [f"--parent={os.getpid()}", f"--channel={theirs.fileno()}"]
                + [f"--arena={arena.descriptor}", f"--arena-bytes={arena.capacity}"],
                pass_fds=(theirs.fileno(), arena.descriptor),
                env=_environment(spec, python),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches the client, which ends the child
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.connection = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def tell(self, message: ToChild) -> None:
        """Sends a message without arrays."""
        data, borrowed = pack(message, self._arena)
        assert not borrowed
        self.send(data)

    def send(self, data: bytes) -> None:
        """Sends a packed message; if the process is gone, `receive` will say so."""
        try:
            self.connection.send_bytes(data)
        except ConnectionError:
            return

    def receive(self) -> FromChild | None:
        """The next message, waiting for it; None if the process is gone. ProtocolError for one
        that is not understood."""
        message: FromChild | None = receive(self.connection, _received)
        return message

    def kill(self) -> None:
        """Ends the process now; `receive` then gives None."""
        self._process.kill()

    def close(self, patience_s: float) -> tuple[int, Fault]:
        """Closes the connection, which ends the process; its exit code and what it means."""
        self.connection.close()
        try:
            returncode = self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            returncode = self._process.wait()
        return returncode, fault_of_exit(returncode, self._kills_before)


def _environment(spec: ModelSpec, python: str) -> dict[str, str]:
    """The child can import what this process can; another interpreter only this package, because
    the libraries beside it are not made for that one."""
    paths: list[str] = []
    if python == sys.executable:
        paths += [os.path.abspath(entry) for entry in sys.path]
    elif PACKAGE_ROOT.name not in ("site-packages", "dist-packages"):
        paths.append(str(PACKAGE_ROOT))
    paths += os.environ.get("PYTHONPATH", "").split(os.pathsep)
    threads = str(spec.cpu_threads)
    return {
        **os.environ,
        "PYTHONSAFEPATH": "1",  # the working directory is not a place for modules
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path for path in paths if path)),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }
