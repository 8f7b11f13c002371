"""A server that runs, and frames that are nearly right, each over a connection of its own."""

from __future__ import annotations

import base64
import json
import os
import random
import socket
import struct
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from fuzz.mutation import apply, random_edits
from fuzz.targets import MSGPACK, frames_from_clients
from uio2_ros.cli.server_process import ServerProcess
from uio2_ros.robot.errors import ErrorCode
from uio2_ros.robot.instruction import Instruction
from uio2_ros.robot.observation import Observation

MODEL = "synthetic:tiny"
CHANGED = 0.9
"""Share of the frames that are changed; the others are right."""
SETTLED = 0.2
"""Share of the frames after which the server has what it needs."""
MOST_GROWTH = 0.02
SAMPLES = 50
PATIENCE_S = 60.0
BINARY, CLOSE = 0x82, 0x88
"""First bytes of a WebSocket's frames (RFC 6455, 5.2)."""
MASKED, TWO_BYTES, EIGHT_BYTES = 0x80, 126, 127


@dataclass(frozen=True)
class Report:
    """Megabytes of the server and of its model's process, after so many frames each."""

    frames: int
    seconds: float
    after: tuple[int, ...]
    server_mb: tuple[float, ...]
    model_mb: tuple[float, ...]
    answers: bool

    @property
    def growth(self) -> float:
        """Of the server since it had settled, as a share: medians of the first and the last
        samples after that, because the allocator breathes."""
        settled = [
            size
            for after, size in zip(self.after, self.server_mb, strict=True)
            if after >= SETTLED * self.frames
        ]
        few = max(1, len(settled) // 5)
        first, last = sorted(settled[:few])[few // 2], sorted(settled[-few:])[few // 2]
        return last / first - 1


def fuzz_live_server(frames: int, seed: int, json_file: Path | None) -> int:
    """1 if the server grew, or answers no longer."""
    chance, seeds = random.Random(seed), frames_from_clients()
    started, samples = time.monotonic(), list[tuple[int, float, float]]()
    with ServerProcess(MODEL) as server:
        server.client("first").close()
        process = psutil.Process(server.pid)
        for number in range(1, frames + 1):
            data = chance.choice(seeds)
            if chance.random() < CHANGED:
                data = apply(random_edits(chance, MSGPACK), data)
            converse(server.port, data)
            if number % max(1, frames // SAMPLES) == 0:
                samples.append((number, *_megabytes(process)))
        with server.client("last") as client:
            asked = Instruction("hello")
            answer = client.submit(asked, Observation(), timeout_s=PATIENCE_S).result(PATIENCE_S)
        answers = answer.error_code in (ErrorCode.NONE, ErrorCode.NO_INPUT)
    after, sizes, models = zip(*samples, strict=True)
    report = Report(frames, time.monotonic() - started, after, sizes, models, answers)
    print(
        f"{frames} frames in {report.seconds:.0f} s: server {sizes[0]:.1f} to {sizes[-1]:.1f} MB, "
        f"growth {report.growth:.2%} (limit {MOST_GROWTH:.0%}); it "
        f"{'answers' if answers else 'does not answer'} in the end"
    )
    if json_file is not None:
        told = {**asdict(report), "growth": report.growth, "load": os.getloadavg()[0]}
        json_file.write_text(json.dumps(told) + "\n", encoding="utf-8")
    return int(report.growth > MOST_GROWTH or not answers)


def converse(port: int, data: bytes) -> None:
    """Connects, sends a frame, says that it was all, and reads until the server has ended, too."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        connection.sendall(_frame(BINARY, data) + _frame(CLOSE, struct.pack("!H", 1000)))
        try:
            while connection.recv(2**16):
                continue
        except ConnectionResetError:  # it ended before it had read all
            return


def _frame(kind: int, data: bytes) -> bytes:
    """A frame with a mask of zeros, which leaves the data as they are."""
    length = len(data)
    if length < TWO_BYTES:
        head = struct.pack("!BB", kind, MASKED | length)
    elif length < 2**16:
        head = struct.pack("!BBH", kind, MASKED | TWO_BYTES, length)
    else:
        head = struct.pack("!BBQ", kind, MASKED | EIGHT_BYTES, length)
    return head + bytes(4) + data


def _megabytes(process: psutil.Process) -> tuple[float, float]:
    """Resident memory of a process, and of its children together."""
    children = sum(child.memory_info().rss for child in process.children(recursive=True))
    return process.memory_info().rss / 1e6, children / 1e6
